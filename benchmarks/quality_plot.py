"""Every model's figure in every window, as a picture."""

from pathlib import Path

from restock.evaluation import Scorecard

STYLES = ("-", "--", ":")


def draw(judged: dict[str, list[Scorecard]], metric: str, folder: Path) -> None:
    """``quality.png``: one line per model over the cut-offs, the best first in the legend."""
    from matplotlib.figure import Figure as Picture

    picture = Picture(figsize=(9, 5.5), layout="constrained")
    axes = picture.subplots()
    means = {
        label: [float(card.column(metric).mean()) for card in cards]
        for label, cards in judged.items()
    }
    best_first = sorted(means, key=lambda label: -sum(means[label]))
    for at, label in enumerate(best_first):
        style = STYLES[at // 10 % len(STYLES)]
        axes.plot(means[label], style, marker="o", markersize=3, label=label)
    cutoffs = [str(card.cutoff) for card in judged[best_first[0]]]
    axes.set_xticks(range(len(cutoffs)), cutoffs, rotation=30)
    axes.set_xlabel("cut-off")
    axes.set_ylabel(metric)
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small", frameon=False)
    folder.mkdir(parents=True, exist_ok=True)
    picture.savefig(folder / "quality.png", dpi=130)
