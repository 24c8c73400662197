"""Functions that foreign tests ask for and that are not to be here: patterns of whole names, and reasons."""

from __future__ import annotations

from .counting import Decision


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
        """)
        + r"|mygrad (empty(_like)?|sliding_window_view)",
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
        """)
        + r"|mygrad (seed|rand\w*|sample|ranf|normal|uniform|glorot_\w+|he_\w+|dirac)",
        "random numbers come from NumPy's generators, which are passed; dropout is a layer",
    ),
    Decision(
        r"mygrad _\w+|clear_graph|_view_children",
        "MyGrad's own machinery: its helpers, graphs that are cleared, views that follow their base",
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
        r"mygrad nan_to_num=False",
        "the slope where there is none is 0, as at abs(0): there is no choice of nan",
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
        _names("signal.windows.* logspace linalg.vander") + r"|mygrad (log|geom)space",
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
        """)
        + r"|mygrad (margin_ranking_loss|multiclass_hinge)",
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
