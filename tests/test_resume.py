"""A run saved, loaded and resumed in the middle ends in the same bits as an uninterrupted one."""

import itertools

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent import data, nn, optim

X = np.random.default_rng(0).normal(size=(50, 6))
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
EPOCHS, STOP = 6, (3, 4)  # the resumed run stops in epoch 3 after 4 of its 7 batches

RUNS = {
    "momentum, steps": (
        lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3, nesterov=True),
        lambda o: optim.StepLR(o, step_size=5, gamma=0.7),
    ),
    "adam, cosine": (
        lambda p: optim.Adam(p, lr=0.01),
        lambda o: optim.CosineAnnealingLR(o, T_max=42),
    ),
    "adamw, cosine": (
        lambda p: optim.AdamW(p, lr=0.01, weight_decay=0.1),
        lambda o: optim.CosineAnnealingLR(o, T_max=42),
    ),
}


class Run:
    """A training run with every kind of state that there is."""

    def __init__(self, make_optimizer, make_schedule, seed):
        self.order, self.rng = np.random.default_rng(seed), np.random.default_rng(seed + 1)
        self.model = nn.MLP([6, 16, 3], dropout=0.3, rng=self.rng)
        self.optimizer = make_optimizer(self.model.parameters())
        self.schedule = make_schedule(self.optimizer)
        self.epoch = self.done = 0
        self.losses = []

    def train(self, until=(EPOCHS, 0)):
        while (self.epoch, self.done) < until:
            self.epoch_start = self.order.bit_generator.state
            batches = data.batches(X, Y, 8, rng=self.order)
            for rows, labels in itertools.islice(batches, self.done, None):
                self.step(rows, labels)
                self.done += 1
                if (self.epoch, self.done) == until:
                    return
            self.epoch, self.done = self.epoch + 1, 0

    def step(self, rows, labels):
        logits = self.model(rows)
        picked = tx.take_along_axis(logits, labels[:, None], axis=1)
        loss = (tx.logsumexp(logits, axis=1, keepdims=True) - picked).mean()
        self.optimizer.zero_grad()
        loss.backward()
        optim.clip_grad_norm(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.losses.append(loss.item())

    def save(self, path):
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "order": self.epoch_start,
            "rng": self.rng.bit_generator.state,
            "place": (self.epoch, self.done),
            "losses": self.losses,
        }
        tx.save(path, state)

    def load(self, path, without=()):
        state = tx.load(path)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.order.bit_generator.state = state["order"]
        if "rng" not in without:
            self.rng.bit_generator.state = state["rng"]
        self.epoch, self.done = state["place"]
        self.losses = state["losses"]


@pytest.mark.parametrize("parts", RUNS.values(), ids=RUNS)
def test_a_resumed_run_is_the_uninterrupted_run_bit_for_bit(parts, tmp_path):
    straight = Run(*parts, seed=1)
    straight.train()

    stopped = Run(*parts, seed=1)
    stopped.train(until=STOP)
    stopped.save(tmp_path / "run.safetensors")

    resumed = Run(*parts, seed=100)  # loading must overwrite all of its state
    resumed.load(tmp_path / "run.safetensors")
    resumed.train()

    assert resumed.losses == straight.losses
    assert len(straight.losses) == EPOCHS * 7
    for path, array in straight.model.state_dict().items():
        assert array.tobytes() == resumed.model.state_dict()[path].tobytes(), path
    assert str(resumed.optimizer.state_dict()) == str(straight.optimizer.state_dict())
    assert resumed.schedule.state_dict() == straight.schedule.state_dict()


def test_the_comparison_notices_what_is_not_restored(tmp_path):
    parts = RUNS["adam, cosine"]
    straight, stopped, resumed = (Run(*parts, seed=seed) for seed in (1, 1, 100))
    straight.train()
    stopped.train(until=STOP)
    stopped.save(tmp_path / "run.safetensors")
    resumed.load(tmp_path / "run.safetensors", without=("rng",))
    resumed.train()
    assert resumed.losses != straight.losses
