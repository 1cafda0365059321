"""On Ray programs are raced, paused and ended as on this machine."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytest.importorskip("ray")

DRIVER = """
import json, sys, time
from pathlib import Path
import ray
from surefoot.programs import Command, Journal, Local, Programs
from surefoot.programs.on_ray import OnRay
from surefoot.search import Arm, Ask, Move, Rates, Space, Terms, drive, race

bowl, endless, out = sys.argv[1:]
ray.init(address="local", num_cpus=2, num_gpus=1, log_to_driver=False, logging_level="ERROR", include_dashboard=False)
space, terms = Space({"own": Rates(0.004, 0.25)}, ["own"]), Terms(16, 3)

def raced(executor, name):
    ground = Programs(Command.of(bowl), "val_loss", executor, Journal.begin(Path(out) / name, {}), 16)
    ranking = drive(race(space, terms), ground).ranking
    ground.close()
    return [arm.lr for arm in ranking]

def said(**what):
    print(json.dumps(what), flush=True)

said(ray=raced(OnRay(), "ray"), here=raced(Local(), "here"))
alone = OnRay(gpus=1)
said(workers=alone.workers, room=alone.room, many=OnRay().workers)
ground = Programs(Command.of(endless), "val_loss", alone, Journal.begin(Path(out) / "gpu", {}), 1000)
moves = [Move(Arm(lr), 2) for lr in (0.1, 0.2)]
said(looks=[len(seen[0].looks) for seen in ground.train(Ask(tuple(moves))).seen.values()])
ground.close()
ground = Programs(Command.of(endless), "val_loss", OnRay(), Journal.begin(Path(out) / "endless", {}), 1000)
ground.train(Ask(tuple(moves)))
outputs = [program.folder / "output.txt" for program in ground.programs.values()]
said(pids=[json.loads(output.read_text().splitlines()[-1])["pid"] for output in outputs])
ground.train(Ask((Move(Arm(0.1), 10**6),)))
"""


def test_a_race_on_ray_is_the_race_here_and_leaves_nothing(bowl, endless, tmp_path):
    driver, script = tmp_path / "driver.py", tmp_path / "endless.py"
    driver.write_text(DRIVER)
    script.write_text(endless)
    command = [sys.executable, str(driver), bowl, f"{sys.executable} -S {script} {{lr}}", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as search:
        try:
            heard = [json.loads(search.stdout.readline()) for _ in range(4)]
        finally:
            search.kill()
    raced, room, looked, left = heard
    assert raced["ray"] == raced["here"]
    assert room == {"workers": 1, "room": 1, "many": 2}
    assert looked == {"looks": [2, 2]}
    end = time.monotonic() + 20
    while any(map(psutil.pid_exists, left["pids"])) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(map(psutil.pid_exists, left["pids"]))
