# %% [markdown]
# # A tour of the library
#
# What a data scientist meets first: orders, folds, models, hybrids, a fair comparison, files.
# Everything runs on one small market of the bundled data in a few seconds, without a server.
# Open this file in VS Code or Jupyter (jupytext) and run it cell by cell, or run it whole:
# `python docs/library-tour.py`. A test does so, and the claims in it are checked (`assert`).

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from restock.dataset import Interactions, load_sample
from restock.evaluation import Objective, Scorecard, compare, evaluate, rolling_folds
from restock.models import Candidate, available, create, load, preset, size_of

# %%
pd.set_option("display.width", 110, "display.max_columns", 10)

# %% [markdown]
# ## 1. Orders
#
# `load_sample()` reads two years of Online Retail, real B2B orders from 41 markets.
# `read_orders("my.csv", columns={...})` does the same with your own. Nothing is dropped silently:
# a line is kept, netted off by its cancellation, or set aside with its reason.

# %%
clean = load_sample()
print(f"{clean.report.lines_read:,} lines read, {clean.report.lines_kept:,} kept")
print(clean.report.reasons.head())
print(clean.orders.head())

# %% [markdown]
# Models work on integer codes: `Interactions` holds the lines as columns, sorted by customer and
# time, and the catalogue that turns codes into ids. Everything in it is past: its `as_of` is the
# moment after the last line, unless you cut it earlier (`before`).

# %%
everything = Interactions.from_frame(clean.orders)
market = everything.of_market("FR")
print(everything)
print(market)

# %% [markdown]
# ## 2. Folds: how to split
#
# By time, never at random. A cut-off every 28 days: what came before it trains, the 28 days after
# it test. All models see the same customers, the same candidate items and the same k.

# %%
folds = rolling_folds(market, horizon_days=28, windows=6)
for fold in folds:
    print(
        f"{fold.cutoff}: {len(fold.train):,} lines to learn from, "
        f"{fold.customers.size} customers to judge, {fold.candidates.sum():,} items to choose from"
    )

# %% [markdown]
# ## 3. Models
#
# `available()` names them all and says what is missing here. A model has one default for each
# parameter; `create` refuses a parameter that it does not know.

# %%
for name, state in available().items():
    print(f"{name:14}{state}")

try:
    create("item_knn", neighbors=100)
except ValueError as error:
    print(error)  # … did you mean 'neighbours'?

# %% [markdown]
# Fit a model on the training part of a fold, ask for ten items, and judge the list. `history` says
# whether items that the customer bought before are welcome: shops re-order, so they are by default.

# %%
fold = folds[-1]
model = create("reorder", half_life_days=120).fit(fold.train)
lists = model.recommend(fold.customers, 10, history="any", allowed=fold.candidates)
print(lists.frame(market.catalogue).head(10))
print(evaluate(lists, fold))

# %% [markdown]
# The same for several models on all folds. A scorecard is a matrix, customer by customer, and is
# split by what was bought before (`repeat`) and what was not (`new`). What is good at the one need
# not be good at the other, so ask for lists of new items too before you believe a single mean.


# %%
def judged(name: str, config: dict[str, object]) -> dict[str, list[Scorecard]]:
    """A scorecard per fold of lists of anything, and one of lists of new items alone."""
    cards: dict[str, list[Scorecard]] = {"any": [], "new": []}
    for fold in folds:  # the model is refitted at each cut-off
        model = create(name, **config).fit(fold.train)
        for history, found in cards.items():
            lists = model.recommend(fold.customers, 10, history=history, allowed=fold.candidates)
            found.append(evaluate(lists, fold, k=10))
    return cards


def summary(cards: dict[str, list[Scorecard]]) -> dict[str, float]:
    """The means over all customers of all folds; ``new``: of lists of new items."""
    rows, new = (pd.concat([c.per_customer for c in cards[which]]) for which in ("any", "new"))
    return {
        "ndcg_at_10": rows["ndcg_at_10"].mean(),
        "repeat": rows["ndcg_at_10_repeat"].mean(),
        "new": new["ndcg_at_10_new"].mean(),
        "revenue_share_at_10": rows["captured_at_10"].sum() / rows["spend"].sum(),
    }


contest = {name: judged(name, {}) for name in ("popular", "item_knn", "als", "reorder")}
print(pd.DataFrame({name: summary(cards) for name, cards in contest.items()}).T.round(3))

# %% [markdown]
# ## 4. Hybrids: models over models
#
# * `blend` is a weighted vote.
# * `cascade` goes in turn: each stage fills what the ones before it left.
# * `switch` decides who serves a customer (by market or segment), and whose turn a place is.
#
# They hold any model, also each other, and are configured by plain JSON.

# %%
habit, near = {"name": "reorder"}, {"name": "item_knn", "config": {"neighbours": 50}}

hybrids = {
    "blend": {"members": [habit | {"weight": 1.0}, near | {"weight": 0.4}]},
    "cascade": {"stages": [habit | {"places": 6}, near]},
    "switch": {
        "members": [
            {"name": "blend", "feature": "orders", "below": 3},  # who ordered once or twice
            habit,
            near | {"history": "new"},
        ],
        "pattern": [1, 1, 1, 2],  # for the others, every fourth place is new to them
    },
}
contest |= {name: judged(name, config) for name, config in hybrids.items()}

# %% [markdown]
# `rerank` learns: boosted trees rank what several models propose, trained on earlier cut-offs.
# Small here, so that it takes seconds.

# %%
contest["rerank"] = judged("rerank", {"trees": 60, "cutoffs": 3})
table = pd.DataFrame({name: summary(cards) for name, cards in contest.items()}).T
print(table.round(3).sort_values("ndcg_at_10"))

# %% [markdown]
# A short list is always the start of a long one, whatever the pattern:

# %%
model = create("switch", **hybrids["switch"]).fit(fold.train)
five, ten = (model.recommend(fold.customers, k, allowed=fold.candidates) for k in (5, 10))
assert np.array_equal(five.items, ten.items[:, :5])

# %% [markdown]
# ## 5. Which one is better, and how surely?
#
# The objective says what counts (metrics and money) and what must not be lost. `compare` pairs two
# models on the same customers, and resamples customers with all their folds. With so few customers
# as here, most differences are not proved: that is the honest answer, and the reason why small
# markets follow the choice of all markets together.

# %%
champion = contest["reorder"]["any"]
for name in [name for name in contest if name != "reorder"]:
    verdict = compare(contest[name]["any"], champion, Objective())
    low, high = verdict.interval
    print(
        f"{name:10} against reorder: {verdict.lift:+.1%} ({low:+.1%} … {high:+.1%}), "
        f"better with probability {verdict.probability:.2f}, promoted: {verdict.promoted}"
    )
print("; ".join(verdict.reasons))

# %% [markdown]
# One plot: every model, its repeat and its new side, and the spread over the windows.

# %%
figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), sharey=True, constrained_layout=True)
order = table.sort_values("ndcg_at_10").index
for axis, segment, history in zip(axes, ("repeat", "new"), ("any", "new"), strict=True):
    cards = [contest[name][history] for name in order]
    windows = [[card.mean(segment)["ndcg_at_10"] for card in of_model] for of_model in cards]
    axis.barh(order, table.loc[order, segment], color="#d1d5db")
    for place, values in enumerate(windows):
        axis.plot(values, [place] * len(values), "o", color="#e4572e", ms=4)
    axis.set_title(f"{segment} items")
    axis.set_xlabel("ndcg_at_10; a dot per window")
    axis.spines[["top", "right"]].set_visible(False)
figure.suptitle("France: items bought before, and, where asked for, items that were not")
plt.show()

# %% [markdown]
# ## 6. One model for all markets, or one each?
#
# A candidate is a model, its configuration and its scope: fitted on the market's own orders, on
# those of all markets (`pooled`), or on all and ranked in the light of the market (`prior`: its
# popularity, and only what it sells).

# %%
for scope in ("market", "pooled", "prior"):
    candidate = Candidate(name="item_knn", scope=scope)
    cards = []
    for fold in folds:
        train = everything.before(fold.cutoff) if candidate.pooled else fold.train
        lists = candidate.create().fit(train).recommend(fold.customers, 10, allowed=fold.candidates)
        cards.append(evaluate(lists, fold, k=10))
    mean = pd.concat([card.per_customer for card in cards])["ndcg_at_10"].mean()
    print(f"{candidate.label:20}{mean:.3f}   {candidate.key}")

# %% [markdown]
# ## 7. Presets and search spaces
#
# A preset is what a model changes for a small, a medium or a large market, or for another aim.
# `space` says where a search may look. Both lie beside the defaults.

# %%
print("this market is", size_of(market))
print("item_knn:", preset("item_knn", size_of(market)) or "the defaults")
for parameter, dimension in create("item_knn").space.items():
    print(f"  {parameter:16}{dimension}")

# %% [markdown]
# ## 8. Features
#
# What is known of customers and items at the cut-off, and never later. The default comes from the
# orders; tables of your own are attached with the moment since which each value was known.

# %%
known = fold.train.features.read("customer", fold.train)
print(pd.DataFrame(known.values, columns=known.names).dropna().describe().loc[["mean", "50%"]])

crm = pd.DataFrame(
    {
        "id": market.catalogue.customer_ids(market.customers),
        "known_at": pd.Timestamp("2011-06-01"),
        "key_account": (np.arange(market.customers.size) % 5 == 0).astype(float),
    }
)
enriched = market.with_features(customers=crm)
by_account = create(
    "switch",
    members=[{"name": "blend", "feature": "key_account", "at_least": 1}, {"name": "reorder"}],
)
print(by_account.fit(enriched).recommend(enriched.customers[:1], 3).frame(market.catalogue))

# %% [markdown]
# ## 9. Files
#
# A model is saved whole, as arrays and JSON: no pickle, and no stored code runs when it is read.
# It takes customers by code; the catalogue translates ids.

# %%
final = create("blend", **hybrids["blend"]).fit(market)
with tempfile.TemporaryDirectory() as folder:
    final.save(Path(folder))
    print(sorted(path.name for path in Path(folder).iterdir()))
    again = load(Path(folder))
customer = market.catalogue.customer_codes(["12583"])
print(again.recommend(customer, 5).frame(market.catalogue))
assert np.array_equal(again.recommend(customer, 5).items, final.recommend(customer, 5).items)

# %% [markdown]
# ## Where to go from here
#
# * [The models](models.md): a page for each, with defaults, cost and measured quality
# * [Add a model](add-a-model.md) of your own in 50 lines
# * [Judging](judging.md): metrics, objective, significance, the gate
# * [Retrain](retrain.md): all markets, every night
