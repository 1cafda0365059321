"""The scheduler of torch: what it sets, when it counts, what it notices."""

import copy
import io
import pickle

import pytest
import torch
from torch.optim.lr_scheduler import LRScheduler

import surefoot as sf
from surefoot.adapters.torch import Scheduler
from surefoot.core.errors import ScheduleError

STEPS = 20
LR = sf.warmup(4) >> sf.cosine()


def parameter(value=1.0):
    return torch.nn.Parameter(torch.full((2,), value))


def sgd(*rates, **options):
    return torch.optim.SGD([{"params": [parameter()], "lr": rate} for rate in rates], **options)


def update(optimizer):
    for group in optimizer.param_groups:
        for each in group["params"]:
            each.grad = torch.ones_like(each)
    optimizer.step()


def rates(optimizer):
    return [float(group["lr"]) for group in optimizer.param_groups]


def test_a_shape_multiplies_each_groups_own_rate_and_a_rate_replaces_it():
    for lr, scales in ((LR, (0.1, 0.3)), (0.5 * LR, (0.5, 0.5)), (f"0.5 * ({LR})", (0.5, 0.5))):
        optimizer = sgd(0.1, 0.3)
        scheduler = Scheduler(optimizer, lr, steps=STEPS)
        curve = LR.bind(STEPS)
        for t in range(STEPS + 5):
            assert rates(optimizer) == pytest.approx([scale * curve(t) for scale in scales], rel=1e-15)
            assert scheduler.get_last_lr() == scheduler._last_lr == scheduler.get_lr() == rates(optimizer)
            assert scheduler.last_epoch == t
            update(optimizer)
            scheduler.step()


def test_it_is_a_scheduler_of_torch_and_leaves_the_optimizer_as_it_is():
    optimizer = sgd(0.1, 0.3)
    scheduler = Scheduler(optimizer, LR, steps=STEPS)
    assert isinstance(scheduler, LRScheduler)
    assert scheduler.optimizer is optimizer
    assert scheduler.base_lrs == [0.1, 0.3]
    assert "step" not in vars(optimizer)
    assert repr(scheduler) == "Scheduler(lr=warmup(4) >> cosine(), step 0 of 20)"
    assert scheduler.curves == {"lr": LR.bind(STEPS)}


def test_any_hyperparameter_of_any_group():
    head = {"params": [parameter()], "name": "head", "lr": 0.2}
    optimizer = torch.optim.AdamW([{"params": [parameter()]}, head], lr=0.1, betas=(0.9, 0.99), weight_decay=0.4)
    scheduler = Scheduler(
        optimizer,
        sf.linear(),
        beta1=0.9 * sf.linear(end=0.5),
        eps="1e-6 * constant()",
        groups={"head": {"lr": 0.7 * sf.constant(), "beta2": sf.linear(end=0.9)}, 0: {"weight_decay": sf.linear()}},
        steps=10,
    )
    for _ in range(5):
        update(optimizer)
        scheduler.step()
    body, head = optimizer.param_groups
    assert (body["lr"], body["betas"], body["eps"]) == (0.05, (pytest.approx(0.675), 0.99), 1e-6)
    assert (head["lr"], head["betas"]) == (0.7, (pytest.approx(0.675), pytest.approx(0.99 * 0.95)))
    assert (body["weight_decay"], head["weight_decay"]) == (0.2, 0.4)
    assert sorted(scheduler.curves) == ["0.weight_decay", "beta1", "eps", "head.beta2", "head.lr", "lr"]
    assert scheduler.values()[1] == {"lr": 0.7, "beta1": head["betas"][0], "beta2": head["betas"][1], "eps": 1e-6}


def test_the_optimizer_updates_with_the_values_it_is_given():
    """SGD with the gradient 1 moves by the rate, so that the weights tell which rates were used."""
    weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    scheduler = Scheduler(optimizer, LR, steps=STEPS)
    for _ in range(STEPS):
        update(optimizer)
        scheduler.step()
    assert -weight.item() == pytest.approx(0.1 * LR.bind(STEPS).values().sum(), rel=1e-14)


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW])
def test_tensors_are_filled_in_place_and_groups_that_share_one_get_their_own(kind):
    shared, beta = torch.tensor(0.1), torch.tensor(0.9)
    groups = [{"params": [parameter()]}, {"params": [parameter()]}]
    optimizer = kind(groups, lr=shared, betas=(beta, torch.tensor(0.99)), foreach=False, capturable=False)
    scheduler = Scheduler(
        optimizer, sf.linear(), beta1=sf.linear(end=0.5), groups={1: {"lr": 0.8 * sf.linear()}}, steps=10
    )
    tensors = [(group["lr"], group["betas"][0]) for group in optimizer.param_groups]
    assert tensors[0] == (shared, beta)
    assert tensors[1][0] is not shared
    assert tensors[1][1] is not beta
    for _ in range(5):
        scheduler.optimizer.step()
        scheduler.step()
    assert rates(optimizer) == pytest.approx([0.05, 0.4])
    assert [float(group["betas"][0]) for group in optimizer.param_groups] == pytest.approx([0.675, 0.675])
    for group, (lr, beta1) in zip(optimizer.param_groups, tensors, strict=True):
        assert group["lr"] is lr
        assert group["betas"][0] is beta1
    assert scheduler.get_last_lr()[0] is not tensors[0][0]


def test_a_rate_that_becomes_a_tensor_later_is_filled_too():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, sf.linear(), steps=10)
    tensor = optimizer.param_groups[0]["lr"] = torch.tensor(0.1, dtype=torch.float64)
    update(optimizer)
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is tensor
    assert tensor.item() == pytest.approx(0.09)


def test_a_group_that_is_added_later_joins_at_the_next_step():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, sf.linear(), steps=10)
    update(optimizer)
    optimizer.add_param_group({"params": [parameter()], "lr": 0.4})
    scheduler.step()
    assert rates(optimizer) == pytest.approx([0.09, 0.36])
    assert scheduler.base_lrs == [0.1, 0.4]
    update(optimizer)
    scheduler.step()
    assert rates(optimizer) == pytest.approx([0.08, 0.32])


@pytest.mark.parametrize("fused", [False, True])
def test_updates_that_loss_scaling_skips_do_not_count(fused):
    weight = parameter()
    optimizer = torch.optim.Adam([weight], lr=0.1, fused=fused)
    scheduler = Scheduler(optimizer, sf.linear(), steps=10)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    bad, made = {0, 3, 4}, 0
    for batch in range(8):
        before = weight.detach().clone()
        scaler.scale((weight * (torch.inf if batch in bad else 1.0)).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        scheduler.step()
        assert torch.equal(before, weight) == (batch in bad)
        made += batch not in bad
        assert scheduler.last_epoch == made
        assert rates(optimizer) == [pytest.approx(0.1 * (1 - made / 10))]


def test_accumulated_gradients_count_once():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, sf.linear(), steps=10)
    for batch in range(8):
        if batch % 4 == 3:
            update(optimizer)
            scheduler.step()
    assert scheduler.last_epoch == 2


def test_an_update_with_a_closure_counts_once():
    weight = parameter()
    optimizer = torch.optim.LBFGS([weight], lr=0.1)
    scheduler = Scheduler(optimizer, sf.linear(), steps=10)

    def closure():
        optimizer.zero_grad()
        loss = (weight - 3).square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    scheduler.step()
    assert scheduler.last_epoch == 1


@pytest.mark.parametrize("count", ["updates", "calls"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_updates_count_and_compile_no_more_often(count):
    torch._dynamo.reset()
    optimizer = torch.optim.SGD([parameter()], lr=torch.tensor(0.1), momentum=0.9)
    scheduler = Scheduler(optimizer, sf.linear(), steps=20, count=count)
    step = torch.compile(lambda: update(optimizer), backend="eager")
    frames = []
    for made in range(12):
        step()
        scheduler.step()
        frames.append(torch._dynamo.utils.counters["frames"]["total"])
        assert rates(optimizer) == pytest.approx([0.1 * (19 - made) / 20])
    assert frames[3:] == frames[3:4] * 9


def test_no_update_seen_is_noticed_once():
    scheduler = Scheduler(sgd(0.1), sf.linear(), steps=10)
    for _ in range(9):
        scheduler.step()
    with pytest.warns(UserWarning, match=r"10 times in a row and no update .* count='calls'"):
        scheduler.step()
    scheduler.step()


def test_updates_that_are_seen_no_more_are_noticed():
    """As when a step is captured in a CUDA graph: what it replays calls no hook."""
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, sf.linear(), steps=10)
    update(optimizer)
    for _ in range(100):
        scheduler.step()
    with pytest.warns(UserWarning, match=r"100 times .* count='calls'"):
        scheduler.step()


def test_stepping_once_an_epoch_is_noticed_once_and_mended():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, sf.linear(), steps=20)
    for epoch in range(2):
        for _ in range(5):
            update(optimizer)
        if epoch == 0:
            with pytest.warns(UserWarning, match=r"after 5 updates.*Lightning.*'interval': 'step'") as seen:
                scheduler.step()
            assert seen[0].filename == __file__
        else:
            scheduler.step()
        assert rates(optimizer) == [pytest.approx(0.1 * (1 - 5 * (epoch + 1) / 20))]


def test_stepping_again_and_again_is_noticed_once_and_loses_nothing():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, sf.linear(), steps=20)

    def train():
        for made in range(8):
            update(optimizer)
            scheduler.step()
            scheduler.step()
            assert rates(optimizer) == [pytest.approx(0.1 * (1 - (made + 1) / 20))]

    with pytest.warns(UserWarning, match=r"more than once .* Nothing is lost") as seen:
        train()
    assert len(seen) == 1


def test_a_skipped_update_now_and_then_is_nothing_to_notice():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, sf.linear(), steps=20)
    scheduler.step()
    for batch in range(12):
        if batch % 3:
            update(optimizer)
        scheduler.step()
    assert scheduler.last_epoch == 8


def test_reactive_pieces_see_what_is_observed():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, sf.linear() * sf.plateau(0.5, patience=0), steps=10)
    for shown in (scheduler.step, lambda loss: scheduler.step({"loss": loss}), lambda x: scheduler.observe(loss=x)):
        before = scheduler.last_epoch
        update(optimizer)
        shown(torch.tensor(1.0))
        assert scheduler.last_epoch == before + 1
    assert rates(optimizer) == [pytest.approx(0.1 * 0.7 * 0.25)]
    scheduler.observe(loss=0.5, accuracy=1)
    assert rates(optimizer) == [pytest.approx(0.1 * 0.7 * 0.25)]


def test_a_wall_clock_is_told_the_time(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("surefoot.adapters.torch.time.monotonic", lambda: now[0])
    lr = sf.parse("wall_clock(linear(), '100s')")

    def made():
        optimizer = sgd(0.1)
        return optimizer, Scheduler(optimizer, lr, steps=1000)

    optimizer, scheduler = made()
    now[0] += 25
    update(optimizer)
    scheduler.step()
    assert rates(optimizer) == [pytest.approx(0.075)]
    state = scheduler.state_dict()
    now[0] += 1000  # nothing runs
    optimizer, scheduler = made()
    scheduler.load_state_dict(state)
    assert scheduler.seconds == 25
    now[0] += 25
    update(optimizer)
    scheduler.step()
    assert rates(optimizer) == [pytest.approx(0.05)]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_goes_on_by_itself(copied):
    optimizer = sgd(0.1, 0.2, momentum=0.9)
    scheduler = Scheduler(optimizer, LR * sf.plateau(0.5, patience=0), momentum=sf.linear(end=0.5), steps=STEPS)
    for _ in range(6):
        update(optimizer)
        scheduler.step(1.0)
    other = copied(scheduler)
    assert other.optimizer is not optimizer
    before = rates(optimizer)
    for _ in range(3):
        update(other.optimizer)
        other.step(1.0)
    assert (rates(optimizer), scheduler.last_epoch, other.last_epoch) == (before, 6, 9)
    for _ in range(3):
        update(optimizer)
        scheduler.step(1.0)
    assert other.values() == scheduler.values()
    assert torch.equal(other.optimizer.param_groups[1]["params"][0], optimizer.param_groups[1]["params"][0])


def test_an_optimizer_with_its_scheduler_can_be_saved_whole():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, LR, steps=STEPS)
    file = io.BytesIO()
    torch.save({"optimizer": optimizer, "scheduler": scheduler}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=False)
    assert saved["scheduler"].optimizer is saved["optimizer"]
    update(saved["optimizer"])
    saved["scheduler"].step()
    assert rates(saved["optimizer"]) == [0.05]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "nothing to schedule"),
        ({"lr": 0.1}, "not a schedule"),
        ({"lr": LR, "weigth_decay": LR}, "no number 'weigth_decay'.*Did you mean 'weight_decay'"),
        ({"lr": LR, "beta3": LR}, "no number 'beta3'"),
        ({"lr": LR, "nesterov": LR}, "no number 'nesterov'"),
        ({"weight_decay": LR}, "a shape multiplies the group's own weight_decay, which is 0"),
        ({"groups": {"heat": {"lr": LR}}}, "no group 'heat'.*Did you mean 'head'"),
        ({"groups": {2: {"lr": LR}}}, "no group 2"),
        ({"groups": {"head": LR}}, "groups must give"),
        ({"lr": LR, "count": "epochs"}, "count must be"),
        ({"lr": LR, "on_mismatch": "ignore"}, "on_mismatch must be one of"),
        ({"lr": LR, "steps": 0}, "steps must be"),
        ({"lr": sf.step("1ep")}, "needs steps_per_epoch"),
    ],
)
def test_mistakes_are_refused_by_name(given, message):
    optimizer = torch.optim.SGD([{"params": [parameter()], "name": "head"}, {"params": [parameter()]}], lr=0.1)
    with pytest.raises(ScheduleError, match=message):
        Scheduler(optimizer, **{"steps": 10} | given)


def test_what_is_not_an_optimizer_or_cannot_be_observed_is_refused():
    with pytest.raises(ScheduleError, match="not an optimizer of torch; received 'Linear'"):
        Scheduler(torch.nn.Linear(1, 1), LR, steps=10)
    scheduler = Scheduler(sgd(0.1), LR, steps=10)
    with pytest.raises(ScheduleError, match="no schedule reacts"):
        scheduler.step(5)
    scheduler = Scheduler(sgd(0.1), sf.plateau(), steps=10)
    with pytest.raises(ScheduleError, match="must be numbers"):
        scheduler.observe(loss="low")


def test_a_group_without_weight_decay_beside_one_with_it_is_fine():
    groups = [{"params": [parameter()], "weight_decay": 0.0}, {"params": [parameter()], "weight_decay": 0.1}]
    Scheduler(torch.optim.SGD(groups, lr=0.1), weight_decay=sf.linear(), steps=10)
    assert [group["weight_decay"] for group in groups] == [0.0, 0.1]
