"""Where a foreign test fails and we stay as we are: per suite, a pattern and the reason.

A pattern is searched for in `test: error: first line of its text`.
"""

from __future__ import annotations

from .counting import Decision

DECISIONS: dict[str, tuple[Decision, ...]] = {
    "autograd": (
        Decision(
            r"DtypeError: the function's result has dtype bool",
            "a comparison has no derivative: a transform refuses it instead of giving zeros",
        ),
        Decision(
            r"test_assignment_raises_error: GraphError: tensors are not assigned in place",
            "assignment in place raises a GraphError, which names the cure, and no TypeError",
        ),
        Decision(
            r"(list_of_boxes|append_list(_2D)?): DtypeError: (np.asarray|reshape: to make)",
            "a list of tensors is made one by tx.stack; NumPy's functions get arrays and tensors",
        ),
        Decision(
            r"test_(r_|c_)\w*: DtypeError: np.asarray",
            "np.r_ and np.c_ make arrays by themselves, NumPy asks nobody: tx.concatenate",
        ),
        Decision(
            r"test_cast_to_int: DtypeError: np.asarray",
            "np.int64(tensor) would cut the tape silently: .numpy() or .detach() says it is meant",
        ),
        Decision(
            r"dataarray_binary_ufunc: AssertionError|holding_box: DtypeError: np.asarray",
            "tensor * DataArray is a tensor; only DataArray * tensor holds one, and .data is it",
        ),
        Decision(
            r"test_builtins.py::test_isinstance",
            "a tensor is no np.ndarray; autograd has an isinstance of its own that says so",
        ),
        Decision(
            r"test_logsumexp\d: TypeError: logsumexp\(\) got an unexpected argument 'b'",
            "logsumexp takes no weights: logsumexp(log(b) + x)",
        ),
        Decision(
            r"test_einsum2_\w+: DtypeError: einsum: the first argument is the subscripts",
            "einsum takes its subscripts as text, not as a list beside each array",
        ),
        Decision(
            r"test_cross: DtypeError: np.cross: no operation",
            "cross takes one axis for all; np.cross also three",
        ),
        Decision(
            r"stack_\dd: DtypeError: \w+: takes a sequence",
            "one tensor is no sequence of arrays: they come in a list or a tuple",
        ),
        Decision(
            r"test_eigvalh_upper\w*: DtypeError: np.linalg.eigh: no operation",
            "eigh reads the lower triangle, there is no UPLO",
        ),
        Decision(
            r"test_eigvalh_lower\w*: AssertionError: \S+ instead of",
            "eigh's gradient is that of a symmetric matrix; these tests move one triangle, or compare signs",
        ),
        Decision(
            r"test_custom_where",
            "autograd's own where, of lists and Python's numbers; np.where is NumPy's here",
        ),
        Decision(
            r"test_wrapped_name_and_docs",
            "the names and docstrings of autograd's wrappers",
        ),
    ),
    "mygrad": (
        Decision(
            r"test_inplace_(clip|reshape_\d)|in_place_reshape_post_view|_with_target_tensor|_inplace_target"
            r"|test_unary_func_with_where_and_out\[<lambda>1|test_backprop_through_inplace_op|setitem_mutates_input"
            r"|test_no_autodiff_(does_not_unlock|on_in_place)",
            "what is written in place changes no view: t.at[index].set(values) makes a changed copy",
        ),
        Decision(
            r"test_(flatten|broadcast_to|repeat_int_repeats_only|atleast_[12]d)_fwd: AssertionError"
            r"|test_ufunc_fwd.positive\]: AssertionError|test_getitem_view_base|diag_view_for_nd_tensor",
            "which results share memory is not promised: nothing writes to them",
        ),
        Decision(
            r"test_simple_as_tensor|test_astensor_with_incompat\w*|test_tensor_mirrors_array: AssertionError: assert .*(shares_memory| is )",
            "a new tensor copies what it is made of",
        ),
        Decision(
            r"test_(maximum|minimum)_bkwd_equal",
            "of two equal numbers each gets half of the gradient; there none gets any",
        ),
        Decision(
            r"DtypeError: einsum: the first argument is the subscripts",
            "einsum takes its subscripts as text, not as a list beside each array",
        ),
        Decision(
            r"BadValueError: norm: vectors have no norm|test_ord_0_raises|test_matrix_norm_raises",
            "what is no norm (an order below 1) is refused, and there are norms of matrices",
        ),
        Decision(
            r"test_int_axis_cum(prod|sum): ShapeError|test_bad_(conv|max)_shapes: BadValueError"
            r"|test_(where_)?input_validation\S*: (TypeError: where|OutOfRangeError: take_along)"
            r"|test_integer_dtype_behavior: DtypeError: requires_grad|test_to_scalar: ShapeError: item",
            "an error of another class than there",
        ),
        Decision(
            r"AssertionError: assert dtype\('\w+'\) == dtype\('>\w+'\)",
            "results have the byte order of the machine",
        ),
        Decision(
            r"DtypeError: (cross_entropy: takes floats, got complex128|Tensor: dtype complex64)",
            "there are no complex numbers, by which the tests of losses differentiate",
        ),
        Decision(
            r"test_input_validation\[bad_input0\]: ShapeError: reshape",
            "t.reshape() is t.reshape(()): no lengths are those of a single number",
        ),
        Decision(r"test_hard_tanh_fwd", "of swapped limits the upper one counts, as in np.clip"),
        Decision(
            r"test_padding: ShapeError: conv1d: takes 3 axes, none but the first empty",
            "an empty axis is refused by a convolution, even if padding fills it, as in PyTorch",
        ),
        Decision(r"test_atleast_kd_fixed_point", "several arrays come in a tuple, as in NumPy 2"),
        Decision(
            r"repeat: axis 0 is out of bounds",
            "a number has no axis; NumPy gives it axis 0 here",
        ),
        Decision(
            r"test_concatenate_with_dtype: TypeError",
            "no dtype: concatenate(arrays).astype(dtype)",
        ),
        Decision(r"test_floor_div_is_raises", "floor division has the slope 0"),
        Decision(r"test_repr\[", "the text of a tensor is ours"),
        Decision(
            r"test_pow_uses_special_case|test_redundant_args|test_null_gradients|has no attribute '_op'",
            "MyGrad's own machinery: its classes of operations and their caches, and what is deprecated there",
        ),
    ),
    "jax": (
        Decision(
            r"testPowSecondDerivative: AssertionError",
            "x ** 0 is 1 everywhere, and so has derivative 0 at 0; there nan",
        ),
        Decision(
            r"test_scatter_apply_(jvp|vjp): AttributeError",
            "x.at has no apply; there it has no derivative",
        ),
        Decision(
            r"testOneHotConcretizationError",
            "nothing is compiled: the number of classes is always known",
        ),
        Decision(
            r"testOneHotOutOfBound: OutOfRangeError",
            "a class that there is not is an error; there a row of zeros",
        ),
        Decision(
            r"testNdtriDebugInfs\d: AssertionError: FloatingPointError",
            "an infinite value is no error; one that backward() meets is warned about",
        ),
        Decision(
            r"testGradOfEntrAtZero: AssertionError",
            "where xlogy is 0 for any logarithm, its derivative is 0 too, as in PyTorch; there infinite",
        ),
        Decision(
            r"SpecialFun_polygamma_\S+: DtypeError: polygamma: n must be an integer",
            "polygamma takes one order for all",
        ),
    ),
    "pytorch": (
        Decision(
            r"^(\S+)\(float64\[\], .*(AxisError: .* array of dimension 0|is a single number)",
            "a number has no axis, as in NumPy; PyTorch takes axis 0 and -1 of it",
        ),
        Decision(
            r"^squeeze.*ShapeError: squeeze: cannot select an axis",
            "an axis of more than one element can't be left out, as in NumPy; PyTorch keeps it",
        ),
        Decision(
            r"^cat\(.*AxisError: concatenate",
            "an empty vector is no neutral element of concatenate; PyTorch skips those of shape (0,)",
        ),
        Decision(
            r"^take_along_dim\(float64\[5, 5\], int64\[5, 2\]\): AssertionError: shape",
            "take_along_axis takes the last axis unless told otherwise, as in NumPy; PyTorch flattens",
        ),
        Decision(
            r"^quantile\(.*q is a setting and has no gradient",
            "quantile is differentiated by the values alone",
        ),
        Decision(
            r"^searchsorted\(.*ShapeError: searchsorted: a must have one axis",
            "searchsorted searches one line, as in NumPy",
        ),
        Decision(
            r"^nn.functional.(conv|conv_transpose|max_pool|adaptive_avg_pool)[123]d\(.*ShapeError: \w+: takes \d axes",
            "convolutions and pools take batches: one sample has N = 1",
        ),
        Decision(
            r"^nn.functional.batch_norm\(.*takes \(N, C, ...\), got the shape \(0,\)",
            "batch_norm takes no lone vector",
        ),
        Decision(
            r"^((linalg.(vector_)?)?norm\S*|nn.functional.pairwise_distance)\(.*norm: vectors have no norm",
            "what is no norm (an order below 1) is refused",
        ),
        Decision(
            r"^(scatter|index)_reduce.prod\(.*reduce must be one of",
            "values are combined to their sum, their mean or an extreme; there is no product",
        ),
        Decision(
            r"^nn.functional.interpolate.(bicubic|area)\(.*mode must be one of",
            "between numbers lie straight lines; areas are means, avg_pool2d",
        ),
        Decision(
            r"^nn.functional.conv_transpose[23]d\(.*output_padding=.* is not less than the stride",
            "output_padding chooses among the lengths that the stride leaves open",
        ),
        Decision(
            r"^nn.functional.adaptive_avg_pool2d\(.*output_size=.*None",
            "the length of an axis that stays is said like any other, not by None",
        ),
        Decision(
            r"^nn.functional.hardsigmoid\(.*gradient",
            "PyTorch's slope of hardsigmoid is the float32 next to 1 / 6",
        ),
        Decision(
            r"^linalg.solve\(.*(ShapeError: solve: shapes|shape \(0, 0, 0\) instead of \(0, 0\))",
            "the right side is a vector only if it has one axis, as since NumPy 2",
        ),
        Decision(
            r"^linspace.tensor_overload\(float32.*AssertionError: Not equal to tolerance",
            "linspace computes in the dtype of its ends and then converts, as in NumPy",
        ),
        Decision(
            r"^einsum\(.*'...ik, ...j -> ij'",
            "an output that drops the axes of `...` is refused, as in NumPy; PyTorch sums them",
        ),
    ),
    "tinygrad": (
        Decision(
            r"test_(and|or|xor|bitwise_not): DtypeError: .* not supported for the input types",
            "bits of floats are refused with a DtypeError; there with a RuntimeError",
        ),
        Decision(
            r"test_(broadcastdot|dot|dot_1d|cat|gather|permute|squeeze|reshape): ShapeError",
            "shapes that do not fit raise a ShapeError, a ValueError as in NumPy; there a RuntimeError",
        ),
        Decision(
            r"test_reshape: DtypeError: reshape: 'NoneType'",
            "None in a shape, for the size that the axis has",
        ),
        Decision(
            r"test_clip: AssertionError: RuntimeError not raised",
            "clip without limits leaves everything as it is, as in NumPy",
        ),
        Decision(
            r"test_cmp_(lt|ne)_backwards: AssertionError: RuntimeError not raised",
            "the shim leaves out a backward() that reaches nothing, of which ours is an error too",
        ),
        Decision(
            r"test_cross_entropy\w*: BadValueError: .* a probability can't be negative",
            "probabilities below 0 or above 1 are refused; the tests draw theirs from (-2, 2)",
        ),
        Decision(
            r"test_(softmax_)?arg(max|min): .* dtype mismatch: tinygrad=int64",
            "argmax gives int64, as in NumPy and PyTorch",
        ),
        Decision(
            r"test_(arange\w*|chunk|split|full|where\w*|(flip_)?eye\w*|linspace|one_hot): .* dtype mismatch: tinygrad=\w+64",
            "what is made of Python's numbers is int64 or float64, as in NumPy",
        ),
        Decision(
            r"test_einsum_ellipsis: BadValueError: .* the output names each axis once",
            "an output that drops the axes of `...` is refused, as in NumPy; PyTorch sums them",
        ),
        Decision(
            r"test_repeat: AssertionError: ValueError not raised",
            "tile with fewer repetitions than axes repeats the last axes, as in NumPy",
        ),
        Decision(
            r"Failed: Unexpected success",
            "tinygrad expects itself to fail",
        ),
        Decision(
            r"test_(conv2d_errors|einsum_\w*check\d?|meshgrid): \w*Error: (conv2d|einsum|meshgrid): ",
            "an error of another class than there",
        ),
        Decision(
            r"TestOpsUint8::test_interpolate_bilinear: .*tinygrad=float64",
            "what lies between integers is no integer",
        ),
        Decision(
            r"test_div_int: .* dtype mismatch: tinygrad=float64",
            "integers divided are float64, as in NumPy",
        ),
        Decision(
            r"test_slice_fancy_indexing_(dim_collapse_int|list_\w+): .*shape mismatch",
            "an index means what it means in NumPy: an integer among arrays is one, a list is an array",
        ),
        Decision(
            r"test_slice_fancy_indexing_errors: DtypeError: index",
            "a float as an index is a DtypeError; there an IndexError",
        ),
    ),
}
