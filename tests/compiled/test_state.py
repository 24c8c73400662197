"""A compiled step changes what the function changes: parameters, gradients, buffers, results."""

import copy
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.worlds import Pair, batch, check_near, numbers, state, train, trained


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_two_hundred_steps(kind, dtype):
    """The loss in every step; the weights too where no true gradient is 0, which Adam would blow up."""
    lr = {"SGD": 0.1}.get(kind, 0.01)
    pair = Pair(lambda: trained(kind=kind, dtype=dtype, lr=lr), train)
    for n in range(200):
        x, y = batch(dtype=dtype, seed=n)
        ours, theirs = pair.compiled(x, y), train(pair.other, x, y)
        check_near(numbers(ours), numbers(theirs), factor=100)
    assert len(pair.compiled.signatures) == 1


def test_parameters_of_a_closure_a_global_and_an_argument():
    x, y = batch()
    pair = Pair(trained, train)
    world = trained()
    by_argument = tx.compile(train, strict=True)
    for _ in range(3):
        pair.run(x, y)
        by_argument(world, x, y)
    check_near(state(world), state(pair.other))


def test_bare_tensors_trained_by_hand():
    def make():
        return SimpleNamespace(w=tx.Tensor([[0.5, -1.0, 2.0]] * 4, requires_grad=True, name="w"))

    def step(world, x, y):
        world.w.zero_grad()
        loss = tx.cross_entropy(x @ world.w, y)
        loss.backward()
        with tx.no_grad():
            world.w -= 0.1 * world.w.grad
        return loss

    pair = Pair(make, step)
    for seed in range(4):
        pair.run(*batch(seed=seed))


def test_several_outputs_and_their_kinds():
    def step(world, x, y):
        loss = train(world, x, y)
        with tx.no_grad():
            z = world.model(x)
        right = (z.numpy().argmax(axis=1) == y).mean()
        return {"loss": loss, "right": right, "scores": (z, [z[0], 3, "words", None])}

    pair = Pair(trained, step)
    first = pair.run(*batch())
    kept = np.array(first["scores"][0].numpy())
    second = pair.run(*batch(seed=5))
    np.testing.assert_array_equal(
        first["scores"][0].numpy(), kept
    )  # results are nobody else's memory
    assert second["scores"][1][1:] == [3, "words", None]
    assert not np.shares_memory(second["scores"][0].numpy(), second["scores"][1][0].numpy())
    assert isinstance(second["loss"], tx.Tensor)
    assert not isinstance(second["right"], tx.Tensor)


def test_a_result_that_was_on_the_tape_says_that_its_graph_is_gone():
    world = trained()
    evaluate = tx.compile(lambda x, y: tx.cross_entropy(world.model(x), y), strict=True)
    loss = evaluate(*batch())
    assert loss.requires_grad
    with pytest.raises(tx.GraphError, match="compiled_step"):
        loss.backward()
    with pytest.raises(tx.GraphError):
        (loss + 1.0).backward()
    with tx.no_grad():
        assert not evaluate(*batch()).requires_grad
    assert len(evaluate.signatures) == 2


def test_frozen_parameters():
    def freeze(world):
        world.model.parameters()[0].requires_grad = False
        world.optimizer = tx.optim.SGD(world.model.parameters(), lr=0.1)
        return world

    pair = Pair(lambda: freeze(trained(kind="SGD")), train)
    for _ in range(2):
        pair.run(*batch())


def test_unfreezing_is_noticed():
    def make():
        world = trained(kind="SGD")
        world.model.parameters()[0].requires_grad = False
        return world

    def step(world, x, y):
        for p in world.model.parameters():
            p.zero_grad()
        loss = tx.cross_entropy(world.model(x), y)
        loss.backward()
        return loss

    pair = Pair(make, step)
    pair.run(*batch())
    pair.both(lambda world: _thaw(world.model))
    pair.run(*batch())


def _thaw(x):
    if isinstance(x, tx.Tensor):
        x.requires_grad = True
    elif isinstance(x, (list, tuple)):
        for part in x:
            _thaw(part)
    elif isinstance(x, tx.nn.Module):
        for part in vars(x).values():
            _thaw(part)


def test_micro_batches_and_gradients_that_are_there_already():
    def accumulate(world, x, y):
        (tx.cross_entropy(world.model(x), y) / 2).backward()

    def update(world):
        world.optimizer.step()
        world.optimizer.zero_grad()

    pair = Pair(trained, accumulate)
    for seed in range(3):
        pair.run(*batch(seed=2 * seed))
        pair.run(*batch(seed=2 * seed + 1))
        pair.both(update)
        pair.check()
    assert len(pair.compiled.signatures) == 2  # with a gradient there, and without


def test_gradients_are_the_readers_own():
    pair = Pair(trained, train)
    pair.run(*batch())
    p = pair.world.model.parameters()[0]
    first = p.grad
    before = np.array(first.numpy())
    assert p.grad is first
    pair.run(*batch(seed=5))
    np.testing.assert_array_equal(first.numpy(), before)
    assert not np.array_equal(p.grad.numpy(), before)


def test_gradients_forgotten_at_the_end_are_none():
    def step(world, x, y):
        loss = train(world, x, y)
        world.optimizer.zero_grad()
        return loss

    pair = Pair(trained, step)
    pair.run(*batch())
    pair.run(*batch())
    assert all(p.grad is None for p in pair.world.model.parameters())


def test_eager_steps_in_between():
    pair = Pair(trained, train)
    for seed in range(3):
        pair.run(*batch(seed=seed))
        pair.both(lambda world, seed=seed: train(world, *batch(seed=seed + 9)))
        pair.check()


def test_data_assigned_and_changed_in_place():
    pair = Pair(trained, train)
    pair.run(*batch())
    for change in (
        lambda p: setattr(p, "data", np.full(p.shape, 0.25)),
        lambda p: p.data.fill(0.125),
        lambda p: p.data.__isub__(0.5),
    ):
        pair.both(lambda world, change=change: change(world.model.parameters()[0]))
        pair.run(*batch())
    assert len(pair.compiled.signatures) == 1


def test_memory_that_was_held_before_stays_the_parameters():
    pair = Pair(trained, train)
    held = pair.world.model.parameters()[0].data
    view = pair.world.model.parameters()[1].numpy()
    for _ in range(2):
        pair.run(*batch())
        assert held is pair.world.model.parameters()[0].data
        np.testing.assert_array_equal(view, pair.world.model.parameters()[1].data)


def test_memory_that_is_held_later_stays_the_parameters():
    """Also when another step, with parameters besides, would lay them side by side anew."""

    def make():
        world = trained()
        world.more = tx.Tensor(np.ones(3), requires_grad=True)
        world.both = tx.optim.Adam([world.more, *world.model.parameters()], lr=0.05)
        return world

    def with_more(world, x, y):
        world.both.zero_grad()
        loss = tx.cross_entropy(world.model(x) * world.more, y)
        loss.backward()
        world.both.step()
        return loss

    pair = Pair(make, train)
    pair.run(*batch())
    parameters = pair.world.model.parameters()
    held = [parameters[0].data, parameters[1].numpy(), parameters[2].data[1:]]
    other = tx.compile(lambda *args: with_more(pair.world, *args), strict=True)
    for _ in range(2):
        check_near(numbers(other(*batch())), numbers(with_more(pair.other, *batch())))
        pair.run(*batch())
        for array, now in zip(held, parameters, strict=False):
            assert np.shares_memory(array, now.data)
    assert len(pair.compiled.signatures) == 1
    assert pair.compiled.retried == other.retried == 0


@pytest.mark.parametrize("kind", ["Adam", "AdamW", "SGD"])
def test_a_parameter_that_never_has_a_gradient(kind):
    def make():
        world = trained()
        world.idle = tx.Tensor(np.ones(3), requires_grad=True)
        parameters = [world.idle, *world.model.parameters()]
        world.optimizer = getattr(tx.optim, kind)(parameters, lr=0.05)
        return world

    pair = Pair(make, train)
    for _ in range(4):
        pair.run(*batch())
    assert pair.compiled.retried == 0
    assert len(pair.compiled.signatures) <= 2


def test_an_array_that_the_user_made_the_parameter_of_stays_the_parameters():
    def make():
        theirs = np.full((4, 3), 0.5)
        w = tx.Tensor(theirs, requires_grad=True, name="w")
        return SimpleNamespace(w=w, b=tx.Tensor(np.zeros(3), requires_grad=True), theirs=theirs)

    def step(world, x, y):
        world.w.zero_grad()
        world.b.zero_grad()
        loss = tx.cross_entropy(x @ world.w + world.b, y)
        loss.backward()
        tx.optim.SGD([world.w, world.b], lr=0.1).step()
        return loss

    pair = Pair(make, step)
    for _ in range(2):
        pair.run(*batch())
    shares = [np.shares_memory(w.w.data, w.theirs) for w in (pair.world, pair.other)]
    assert shares[0] == shares[1]


def test_resume_from_a_state_dict_is_exact():
    pair = Pair(trained, train)
    for seed in range(3):
        pair.run(*batch(seed=seed))
    saved = pair.both(
        lambda world: copy.deepcopy((world.model.state_dict(), world.optimizer.state_dict()))
    )
    for seed in range(3):
        pair.run(*batch(seed=seed))
    for world, (model, optimizer) in zip((pair.world, pair.other), saved, strict=True):
        world.model.load_state_dict(model)
        world.optimizer.load_state_dict(optimizer)
    pair.check()
    after = []
    for _ in range(2):
        after.append(numbers(pair.run(*batch(seed=7))))
    world = trained()
    world.model.load_state_dict(saved[0][0])
    world.optimizer.load_state_dict(saved[0][1])
    again = tx.compile(lambda x, y: train(world, x, y), strict=True)
    for expected in after:
        np.testing.assert_array_equal(numbers(again(*batch(seed=7))), expected)


def test_pickles_and_copies_of_what_is_trained():
    pair = Pair(trained, train)
    pair.run(*batch())
    model, optimizer = pickle.loads(pickle.dumps((pair.world.model, pair.world.optimizer)))
    twin = copy.deepcopy(SimpleNamespace(model=model, optimizer=optimizer))
    train(twin, *batch(seed=4))
    pair.run(*batch(seed=4))
    for a, b in zip(twin.model.parameters(), pair.world.model.parameters(), strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-12)


def test_a_short_last_batch_is_a_second_form():
    pair = Pair(trained, train)
    for rows in (6, 6, 2, 6, 2, 1):
        pair.run(*batch(rows))
    assert len(pair.compiled.signatures) == 3


def test_two_steps_share_a_model():
    pair = Pair(trained, train)
    world = pair.world
    evaluate = tx.compile(lambda x, y: tx.cross_entropy(world.model(x), y), strict=True)
    other = tx.compile(lambda x, y: train(world, x, y), strict=True)
    for seed in range(3):
        x, y = batch(seed=seed)
        pair.run(x, y)
        with tx.no_grad():
            check_near(numbers(evaluate(x, y)), numbers(tx.cross_entropy(pair.other.model(x), y)))
        other(x, y)
        train(pair.other, x, y)
        pair.check()


def test_two_optimisers_of_one_function():
    def make():
        world = trained()
        first, *rest = world.model.parameters()
        world.one, world.two = tx.optim.SGD([first], lr=0.1), tx.optim.Adam(rest, lr=0.01)
        return world

    def step(world, x, y):
        for p in world.model.parameters():
            p.zero_grad()
        loss = tx.cross_entropy(world.model(x), y)
        loss.backward()
        world.one.step()
        world.two.step()
        return loss

    pair = Pair(make, step)
    for _ in range(3):
        pair.run(*batch())


def test_two_updates_in_one_function():
    def step(world, x, y):
        return train(world, x, y), train(world, x, y)

    pair = Pair(trained, step)
    for _ in range(3):
        pair.run(*batch())


def test_the_short_cut():
    x, y = batch()
    ours, theirs = trained(), trained()
    step = tx.compile(tx.cross_entropy, ours.model, ours.optimizer, strict=True)
    for _ in range(3):
        assert step(x, y).item() == pytest.approx(train(theirs, x, y).item(), rel=1e-12)
    check_near(state(ours), state(theirs))


def test_draws_are_those_of_eager_code():
    def make():
        world = trained()
        world.rng = np.random.default_rng(5)
        return world

    def step(world, x, y):
        return train(world, x + 0.1 * world.rng.normal(size=x.shape), y)

    pair = Pair(make, step)
    for _ in range(3):
        pair.run(*batch())
    assert pair.world.rng.bit_generator.state == pair.other.rng.bit_generator.state


def test_old_tapes_are_told_that_parameters_have_changed():
    pair = Pair(lambda: trained(kind="SGD"), train)
    pair.run(*batch())
    old = tx.cross_entropy(pair.world.model(batch()[0]), batch()[1])
    pair.run(*batch())
    with pytest.raises(tx.GraphError, match="overwritten at"):
        old.backward()


def test_an_old_value_that_is_kept():
    """The step before is remembered: a copy of what the update overwrites."""

    def make():
        world = trained(kind="SGD")
        world.before = tx.Tensor(np.zeros(world.model.parameters()[0].shape), requires_grad=True)
        return world

    def step(world, x, y):
        with tx.no_grad():
            world.before *= 0.0
            world.before += world.model.parameters()[0]
        return train(world, x, y)

    pair = Pair(make, step)
    for _ in range(3):
        pair.run(*batch())


def test_a_result_on_a_tape_is_refused():
    w = tx.Tensor([1.0, 2.0], requires_grad=True)
    z = w * 2.0

    def step(x):
        (z * x).sum().backward(retain_graph=True)

    with pytest.raises(tx.GraphError, match="a result that is on a tape"):
        tx.compile(step, strict=True)(np.ones(2))
    with pytest.warns(UserWarning, match="a result that is on a tape"):
        tx.compile(step)(np.ones(2))
    np.testing.assert_array_equal(w.grad.numpy(), [2.0, 2.0])
