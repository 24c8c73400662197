"""Where a foreign test fails and we stay as we are: per suite, a pattern and the reason.

A pattern of `DECISIONS` is searched for in `test: error: first line of its text`; one of `LEFT_OUT`, which is
about all suites, is that of a whole name: of a function which is not to be here.
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


def _names(text: str) -> str:
    """The pattern of these names; a star stands for anything."""
    return "|".join(name.replace(".", r"\.").replace("*", ".*") for name in text.split())


LEFT_OUT: tuple[Decision, ...] = (
    Decision(
        _names("""
            fft.* stft istft conj* resolve_* real imag angle polar complex view_as_real view_as_complex
            cdouble cfloat chalf H mH real_if_close holomorphic_grad linalg.eig linalg.eigvals
        """)
        + r"|complex numbers|jax (lax|numpy).linalg.eig\w*",
        "there are no complex numbers, and so no Fourier transforms",
    ),
    Decision(
        _names("sparse.* to_sparse masked.*"),
        "tensors are dense, and have no masks: tx.where says what takes part",
    ),
    Decision(
        _names("""
            zero_ fill resize_* as_strided* *_copy new_* empty* contiguous set_ bitcast
            nonzero_static
        """),
        "a tensor's memory is not the user's: nothing is written in place, unset, or read with other strides",
    ),
    Decision(
        _names("bool byte char double float half int long short bfloat16 to scalar_tensor item"),
        "conversions have one name, astype, and dtypes are NumPy's",
    ),
    Decision(
        _names("""
            normal cauchy exponential geometric log_normal uniform multinomial bernoulli randint*
            rand_like randn_like kaiming_uniform nn.functional.*dropout* nn.functional.rrelu
            nn.functional.fractional_max_pool*
        """),
        "random numbers come from NumPy's generators, which are passed; dropout is a layer",
    ),
    Decision(
        _names("jiterator_* torch.* native_* _* hash_tensor max_pool2d_with_indices_backward"),
        "parts of PyTorch's own machinery",
    ),
    Decision(
        r"autograd .+|make_diagonal",
        "autograd's own machinery: rules are added by tx.op, trees of arrays are not taken",
    ),
    Decision(
        _names("""
            make_jaxpr vmap linearize linear_transpose ad_checkpoint.* custom_jvp custom_vjp lax.scan
            deprecations test_util.assert_dot_precision
        """).join(["jax (", ")|block_until_ready"]),
        "JAX's own machinery: functions are neither traced nor compiled, and axes are not mapped",
    ),
    Decision(
        r"jax bfloat16",
        "NumPy has no bfloat16",
    ),
    Decision(
        r"jax initializers\.\w+",
        "a layer makes its initial weights: init is torch, he or glorot",
    ),
    Decision(
        r"jax lax.reduce of a function",
        "axes are reduced by sum, prod, max and min",
    ),
    Decision(
        _names("""
            special.airy_ai special.bessel* special.*_polynomial* special.*bessel* special.i0e
            special.i1* special.zeta special.erfcx i0 igamma igammac
        """)
        + r"|scipy (j|y|i)(0|1|n|v|ve)|scipy (beta|betainc|betaln|gamma|gammainc|gammaincc|gammasgn)"
        + r"|scipy (rgamma|multigammaln|erfcinv|boxcox1p|comb|dawsn|erfcx|exp1|expi|expn|factorial)"
        + r"|scipy (fresnel|hyp1f1|hyp2f1|i0e|i1e|owens_t|sici|wofz|zeta|bernoulli)"
        + r"|jax lax.bessel_\w+",
        "of scipy.special are here those that losses and densities need; tx.op makes the others",
    ),
    Decision(
        r"scipy (norm|t|poisson|beta|gamma|chi2|dirichlet|multivariate_normal)\.\w+",
        "there are no distributions: a density is written with the operations",
    ),
    Decision(
        _names("signal.windows.* logspace linalg.vander"),
        "constants and counts, which NumPy and SciPy make",
    ),
    Decision(
        _names("""
            gcd lcm bitwise_left_shift bitwise_right_shift << >> nextafter frexp ldexp isin
            bincount histc histogram histogramdd unravel_index unique_consecutive triu_indices
            tril_indices linalg.matrix_rank heaviside
            allclose nonzero broadcast_shapes
        """),
        "what has no derivative is NumPy's: np.isin(t, values), np.histogram(t)",
    ),
    Decision(
        _names("""
            linalg.lu* lu* geqrf ormqr linalg.householder_product linalg.ldl* linalg.*_ex
            cholesky_inverse cholesky_solve triangular_solve linalg.solve_triangular svd_lowrank
            pca_lowrank linalg.cond linalg.tensorinv linalg.tensorsolve
        """)
        + r"|scipy (sqrtm|solve_sylvester|solve_banded|odeint)"
        + r"|jax (lax|scipy).linalg.(expm|lu|triangular_solve|tridiagonal_solve)",
        "factors that LAPACK gives in parts, and what is solved by them: linalg has solve, inv, lstsq",
    ),
    Decision(
        _names("""
            nn.functional.*_loss nn.functional.kl_div nn.functional.binary_cross_entropy binary_crossentropy
            nn.functional.pdist nn.functional.triplet_margin_with_distance_loss
        """),
        "losses beyond those of classes are written with the operations, as in abs(x - y).mean()",
    ),
    Decision(
        _names("""
            nn.functional.multi_head_attention_forward nn.functional.max_unpool*
            nn.functional.grid_sample grid_sampler_* nn.functional.local_response_norm
            nn.functional.adaptive_max_pool* nn.functional.embedding_bag
        """)
        + r"|jax nn.dot_product_attention \w+",
        "layers that are written with the operations: linear, attention, indexing, convolution",
    ),
    Decision(
        r"deg2rad|radians|rad2deg|degrees",
        "angles in degrees are a product, t * (π / 180), and the example of an operation of one's own",
    ),
    Decision(
        r"gradient|rollaxis|fabs|scipy convolve",
        "np.moveaxis, abs and tx.conv1d say the same; differences on a grid are tx.diff",
    ),
)
