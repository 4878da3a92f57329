"""The plots of results."""

from matplotlib import pyplot as plt

from benchmarks.speed.plot import draw
from tests.benchmarks.speed.examples import result, table


def test_pictures_of_throughput_and_of_cost(tmp_path):
    one = table(packed=[1.0, 2.0], timm=[3.0, 4.0])
    several = [table(n, 1 - n / 49, packed=[n / 49], timm=[1.0]) for n in (4, 19, 34)]
    for name, measured in {"throughput": result(one), "cost": result(*several)}.items():
        draw(measured, tmp_path / f"{name}.png")
        assert plt.imread(tmp_path / f"{name}.png").std() > 0
