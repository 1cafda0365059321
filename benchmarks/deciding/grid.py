"""The full grid: every second configuration is this process's, each trained whole, measured once."""

from deciding.loop import Loop
from deciding.setting import Setting, Space, report


def main() -> None:
    setting = Setting.given()
    loop = Loop(setting)
    for choice in Space.read().grid(setting.rates, setting.seed)[setting.worker :: 2]:
        models = list(loop.run(choice, setting.seed))
        if len(models) == setting.epochs:
            report(str(choice), loop.value(models[-1]), choice)


if __name__ == "__main__":
    main()
