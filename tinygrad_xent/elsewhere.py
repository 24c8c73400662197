"""What PyTorch, NumPy, JAX and Keras call otherwise, and what they have that is not here.

The one table of foreign names. It is read only where a name was not found: `advice("cat")` is the end of the
error's message. On the left of a colon stand the names, on the right what to write here, or what to do
without. A test reads every line: what is on the right must exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

CALLED = """
cat concat: tx.concatenate([a, b])
mm bmm mv dot: a @ b
addmm baddbmm addmv: c + a @ b
norm vector_norm matrix_norm: tx.linalg.norm(t, ord, axis)
det: tx.linalg.det(t)
slogdet logdet: tx.linalg.slogdet(t)
inv inverse: tx.linalg.inv(t)
pinv pinverse: tx.linalg.pinv(t)
solve: tx.linalg.solve(a, b)
lstsq: tx.linalg.lstsq(a, b)
cholesky: tx.linalg.cholesky(t)
eigh: tx.linalg.eigh(t)
svd: tx.linalg.svd(t)
qr: tx.linalg.qr(t)
matrix_power: tx.linalg.matrix_power(t, n)
multi_dot chain_matmul: tx.linalg.multi_dot([a, b, c])
trace: tx.matrix_trace(t)
unsqueeze: tx.expand_dims(t, axis)
permute t adjoint: tx.transpose(t, axes)
view view_as reshape_as unflatten: t.reshape(shape)
expand expand_as: tx.broadcast_to(t, shape)
clamp clamp_min clamp_max clip_by_value: tx.clip(t, low, high)
amax reduce_max: tx.max(t, axis)
amin reduce_min: tx.min(t, axis)
reduce_sum: tx.sum(t, axis)
reduce_mean: tx.mean(t, axis)
reduce_logsumexp: tx.logsumexp(t, axis)
absolute_value fabs: tx.abs(t)
expit: tx.sigmoid(t)
deg2rad radians: t * (math.pi / 180)
rad2deg degrees: t * (180 / math.pi)
psi: tx.digamma(t)
softmin: tx.softmax(-t, axis)
swish: tx.silu(t)
upsample Upsample: tx.interpolate(t, size)
true_divide div_ : tx.div(a, b)
eq: a == b
ne: a != b
lt: a < b
le: a <= b
gt: a > b
ge: a >= b
logical_and: a & b
logical_or: a | b
logical_xor: a ^ b
logical_not: ~a
masked_fill masked_fill_: tx.where(mask, value, t)
masked_select: t[mask]
index_select narrow slice gather_nd: t[index]
gather take_along_dim: tx.take_along_axis(t, indices, axis)
swapdims: tx.swapaxes(t, axis1, axis2)
movedim: tx.moveaxis(t, source, destination)
repeat_interleave: tx.repeat(t, n, axis)
chunk tensor_split: tx.array_split(t, n, axis)
index_add index_add_ scatter_add scatter_add_: t.at[index].add(values)
index_put index_put_ index_copy index_copy_ index_fill index_fill_ scatter_: t.at[index].set(value)
empty: tx.zeros(shape)
empty_like: tx.zeros_like(t)
unbind unstack: [t[i] for i in range(len(t))]
numel nelement: t.size
dim ndimension rank: t.ndim
type to type_as float double half bfloat16 int long cast: t.astype(dtype)
to_numpy eval cpu: t.numpy()
clone copy copy_: tx.identity(t)
stop_gradient lax.stop_gradient detach_: t.detach()
contiguous is_contiguous: t
requires_grad_: tx.Tensor(data, requires_grad=True)
Parameter Variable parameter: tx.Tensor(data, requires_grad=True)
from_numpy convert_to_tensor as_tensor ndarray constant: tx.Tensor(data)
retain_grad grad_fn register_hook: tx.trace(loss)[t].grad
inference_mode set_grad_enabled disable_grad: with tx.no_grad():
jacrev jacfwd: tx.jacobian(f)
jvp linearize: tx.tensordot(tx.jacobian(f)(x), v, v.ndim)
elementwise_grad: tx.grad(f)
autograd GradientTape: loss.backward()
zero_grad_: t.zero_grad()
add_ sub_ mul_ pow_ zero_ fill_ assign assign_add assign_sub: with tx.no_grad(): t += 1
functional F: tx.relu(t)
CrossEntropyLoss CategoricalCrossentropy SparseCategoricalCrossentropy softmax_cross_entropy softmax_cross_entropy_with_logits softmax_cross_entropy_with_integer_labels: tx.cross_entropy(logits, labels)
NLLLoss: tx.nll_loss(log_probabilities, labels)
BCEWithLogitsLoss BinaryCrossentropy sigmoid_cross_entropy_with_logits sigmoid_binary_cross_entropy: tx.binary_cross_entropy_with_logits(logits, targets)
MSELoss MeanSquaredError: tx.mse_loss(x, targets)
FocalLoss sigmoid_focal_loss: tx.softmax_focal_loss(logits, labels)
Softmax: tx.softmax(t, axis)
LogSoftmax: tx.log_softmax(t, axis)
Softplus: tx.softplus(t)
Dense LazyLinear: tx.nn.Linear(inputs, outputs)
Flatten: tx.flatten(t, 1)
Identity: lambda x: x
Input Model Layer ModuleList ModuleDict ParameterList ParameterDict: class Net(tx.nn.Module): ...
clip_grad_norm_ clip_by_global_norm: tx.optim.clip_grad_norm(params, max_norm)
DataLoader TensorDataset Dataset: tx.data.batches(X, y, batch_size)
manual_seed set_random_seed PRNGKey seed: rng = np.random.default_rng(0)
xavier_uniform_ xavier_normal_ glorot_uniform glorot_normal: tx.nn.glorot
kaiming_uniform_ kaiming_normal_ he_uniform he_normal: tx.nn.he
lr_scheduler ExponentialDecay ExponentialLR: tx.optim.StepLR(optimizer, step_size)
CosineDecay CosineAnnealingWarmRestarts: tx.optim.CosineAnnealingLR(optimizer, T_max)
draw make_dot draw_graph: viz.draw(loss)
float16 float32 float64 int32 int64 bool_ newaxis pi e inf nan dtype: np.float32
summary count_params: print(model)
"""

NOT_HERE = """
cuda mps xpu tpu device to_device device_put devices get_device is_cuda pin_memory: everything runs on the CPU; leave the call out
compile jit pjit pmap function tf_function script trace_module: operations run as they are written; leave the call out
vmap vectorize: write the batch as a leading axis; functions take stacks
DataParallel DistributedDataParallel distributed multiprocessing: there is one process; parameters may be shared by threads
fft ifft rfft irfft fft2 ifft2 fftn ifftn stft istft: there are no complex numbers; real and imaginary part are products with matrices of cosines and sines, whose transposes give the inverse transform; or .detach() if no gradient is wanted
complex real imag conj angle view_as_real view_as_complex complex64 complex128: numbers are real; keep real and imaginary part in two tensors
sparse to_sparse to_dense sparse_coo_tensor: tensors are dense; give the non-zero part as values and indices
quantize quantization qint8 quantize_per_tensor: there is no quantisation
RNN LSTM GRU RNNCell LSTMCell GRUCell SimpleRNN: write the step as a tx.nn.Module and call it in a loop
Transformer TransformerEncoder TransformerEncoderLayer TransformerDecoder MultiheadAttention MultiHeadDotProductAttention: write it as a tx.nn.Module of Linear layers and softmax
RMSprop Adagrad Adadelta Adamax NAdam RAdam LBFGS ASGD Lion: there are SGD, Adam and AdamW; for another, derive from tx.optim.Optimizer and define update
ReduceLROnPlateau OneCycleLR CyclicLR LambdaLR SequentialLR: derive from tx.optim.Schedule and define rate(count)
L1Loss SmoothL1Loss HuberLoss KLDivLoss MarginRankingLoss TripletMarginLoss CTCLoss GaussianNLLLoss PoissonNLLLoss HingeEmbeddingLoss BCELoss l1_loss kl_div huber_loss smooth_l1_loss ctc_loss: write it with the operations, as in (abs(x - y)).mean()
fit predict evaluate: write the loop, or use tx.SoftmaxClassifier, which has them
hub models datasets transforms vision: models and data come from elsewhere; safetensors files are read by tx.load
onnx export to_onnx: tx.save writes the weights as a safetensors file
polyfit polyval interp convolve correlate unwrap i0 gradient histogram_bin_edges bincount: there is no derivative for it; define it with tx.op(..., numpy=...), or .detach() if none is wanted
sort_ resize_ resize set_: tensors keep their shape; make a new one
"""


def _read(table: str) -> dict[str, str]:
    lines = (line.partition(":") for line in table.strip().splitlines())
    return {name: text.strip() for names, _, text in lines for name in names.split()}


def advice(name: str, known: Iterable[str] = ()) -> str:
    """What to do about a name that does not exist: the end of a message, or "" if nothing is known.

    Args:
        name: what was asked for.
        known: the names that exist there, among which a similar one is looked for.

    >>> advice("cat")
    ': here you write tx.concatenate([a, b])'
    >>> advice("conatenate", ["concatenate", "stack"])
    ": did you mean 'concatenate'?"
    """
    if code := _read(CALLED).get(name):
        return f": here you write {code}"
    if cure := instead(name):
        return f", and nothing like it: {cure}"
    from difflib import get_close_matches  # the import of the package does not wait for it

    similar = get_close_matches(name, list(known), n=1, cutoff=0.8)
    return f": did you mean {similar[0]!r}?" if similar else ""


def instead(name: str) -> str:
    """What to do without a function that is not here; "" if it may be, or is not known.

    >>> instead("interp")[:30]
    'there is no derivative for it;'
    """
    return _read(NOT_HERE).get(name, "")


def no_attribute(
    owner: str, name: str, known: Iterable[str] = (), otherwise: str = ""
) -> AttributeError:
    """The error for an attribute that a module or an object does not have.

    Args:
        owner: the module or object, as Python's own message has it.
        name: what was asked for.
        known: as in `advice`.
        otherwise: what to say if there is no advice.

    >>> no_attribute("module 'tinygrad_xent'", "cat")
    AttributeError("module 'tinygrad_xent' has no attribute 'cat': here you write tx.concatenate([a, b])")
    """
    lead = "" if name.startswith("_") else advice(name, known) or otherwise
    return AttributeError(f"{owner} has no attribute {name!r}{lead}")


def as_function(layer: str) -> list[str]:
    """What the function of a layer class could be called.

    >>> as_function("LayerNorm"), as_function("BatchNorm2d"), as_function("GELU")
    (['layer_norm'], ['batch_norm2d', 'batch_norm'], ['gelu'])
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", layer.replace("D", "d")).lower()
    return list(dict.fromkeys([words, re.sub(r"_?[123]d$", "", words)]))
