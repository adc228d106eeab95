#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# train_model.py: makes the models that joist/ml/json_models.h reads, from a CSV file of numbers with
# a header. Needs Python alone; for small data.
#
#   tools/train_model.py linear houses.csv --target=price --output=model.json
#   tools/train_model.py trees houses.csv --target=price --trees=50 --depth=3 --output=model.json
#   tools/train_model.py predict model.json houses.csv      # A prediction a line.
#
# linear: least squares by the normal equations, with a ridge that keeps them solvable. trees:
# gradient boosting for squared errors (J. H. Friedman, "Greedy Function Approximation: A Gradient
# Boosting Machine", Ann. Stat. 29(5), 2001): each tree is fitted to what the ones before leave.

import argparse
import csv
import json
import sys


def read_csv(path):
    """The names of the columns and the rows as numbers."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        names = next(rows, None)
        if not names:
            sys.exit(f"{path}: no header")
        numbers = []
        for line, row in enumerate(rows, 2):
            try:
                numbers.append([float(cell) for cell in row])
            except ValueError as error:
                sys.exit(f"{path}:{line}: {error}")
            if len(row) != len(names):
                sys.exit(f"{path}:{line}: {len(row)} cells, expected {len(names)}")
    return names, numbers


def solve(matrix, right):
    """The x with matrix x = right, by Gauss with pivots."""
    size = len(right)
    rows = [matrix[i] + [right[i]] for i in range(size)]
    for i in range(size):
        pivot = max(range(i, size), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for r in range(i + 1, size):
            factor = rows[r][i] / rows[i][i]
            for c in range(i, size + 1):
                rows[r][c] -= factor * rows[i][c]
    result = [0.0] * size
    for i in reversed(range(size)):
        known = sum(rows[i][c] * result[c] for c in range(i + 1, size))
        result[i] = (rows[i][size] - known) / rows[i][i]
    return result


def train_linear(features, examples, targets):
    design = [[1.0] + example for example in examples]
    size = len(features) + 1
    matrix = [[sum(row[i] * row[j] for row in design) for j in range(size)] for i in range(size)]
    for i in range(size):
        matrix[i][i] += 1e-9 * (1 + matrix[i][i])
    right = [sum(row[i] * target for row, target in zip(design, targets)) for i in range(size)]
    solution = solve(matrix, right)
    return {"kind": "linear", "features": features, "intercept": solution[0],
            "coefficients": solution[1:]}


def best_split(examples, residuals, chosen):
    """(gain, feature, threshold) of the split of `chosen` that lowers squared errors most."""
    total = sum(residuals[i] for i in chosen)
    best = (1e-12, None, None)
    for feature in range(len(examples[0])):
        order = sorted(chosen, key=lambda i: examples[i][feature])
        left = 0.0
        for count, (i, after) in enumerate(zip(order, order[1:]), 1):
            left += residuals[i]
            if examples[i][feature] == examples[after][feature]:
                continue
            rest = len(order) - count
            gain = left ** 2 / count + (total - left) ** 2 / rest - total ** 2 / len(order)
            if gain > best[0]:
                best = (gain, feature, (examples[i][feature] + examples[after][feature]) / 2)
    return best


def grow(examples, residuals, chosen, depth, rate, nodes):
    """Adds the tree for `chosen` to `nodes`, children behind their parents."""
    at = len(nodes)
    nodes.append({"feature": -1, "threshold": 0.0, "left": 0, "right": 0,
                  "value": rate * sum(residuals[i] for i in chosen) / len(chosen)})
    if depth == 0 or len(chosen) < 2:
        return
    _, feature, threshold = best_split(examples, residuals, chosen)
    if feature is None:
        return
    sides = ([], [])
    for i in chosen:
        sides[examples[i][feature] > threshold].append(i)
    if not sides[0] or not sides[1]:
        return
    nodes[at].update(feature=feature, threshold=threshold, value=0.0)
    for name, side in zip(("left", "right"), sides):
        nodes[at][name] = len(nodes)
        grow(examples, residuals, side, depth - 1, rate, nodes)


def predict_tree(tree, example):
    nodes = tree["nodes"]
    node = nodes[0]
    while node["feature"] >= 0:
        left = example[node["feature"]] <= node["threshold"]
        node = nodes[node["left" if left else "right"]]
    return node["value"]


def train_trees(features, examples, targets, trees, depth, rate):
    base = sum(targets) / len(targets)
    model = {"kind": "trees", "features": features, "base": base, "trees": []}
    residuals = [target - base for target in targets]
    for _ in range(trees):
        nodes = []
        grow(examples, residuals, list(range(len(examples))), depth, rate, nodes)
        tree = {"nodes": nodes}
        model["trees"].append(tree)
        residuals = [r - predict_tree(tree, e) for r, e in zip(residuals, examples)]
    return model


def predict(model, example):
    if model["kind"] == "linear":
        return model["intercept"] + sum(c * x for c, x in zip(model["coefficients"], example))
    return model["base"] + sum(predict_tree(tree, example) for tree in model["trees"])


def main():
    parser = argparse.ArgumentParser(description="Trains small models for Joist's RunInference.")
    commands = parser.add_subparsers(dest="command", required=True)
    for kind in ("linear", "trees"):
        command = commands.add_parser(kind, help=f"train a model of the kind {kind}")
        command.add_argument("csv")
        command.add_argument("--target", required=True, help="the column to predict")
        command.add_argument("--output", required=True, help="the JSON file to write")
        if kind == "trees":
            command.add_argument("--trees", type=int, default=50)
            command.add_argument("--depth", type=int, default=3)
            command.add_argument("--rate", type=float, default=0.1)
    command = commands.add_parser("predict", help="print a prediction for each row")
    command.add_argument("model")
    command.add_argument("csv")
    args = parser.parse_args()

    names, rows = read_csv(args.csv)
    if args.command == "predict":
        with open(args.model, encoding="utf-8") as file:
            model = json.load(file)
        missing = [name for name in model["features"] if name not in names]
        if missing:
            sys.exit(f"{args.csv}: no column {missing[0]}")
        columns = [names.index(name) for name in model["features"]]
        for row in rows:
            print(repr(predict(model, [row[c] for c in columns])))
        return
    if args.target not in names:
        sys.exit(f"{args.csv}: no column {args.target}; there are {', '.join(names)}")
    if not rows:
        sys.exit(f"{args.csv}: no rows")
    at = names.index(args.target)
    features = names[:at] + names[at + 1:]
    examples = [row[:at] + row[at + 1:] for row in rows]
    targets = [row[at] for row in rows]
    if args.command == "linear":
        model = train_linear(features, examples, targets)
    else:
        model = train_trees(features, examples, targets, args.trees, args.depth, args.rate)
    with open(args.output, "w", encoding="utf-8") as file:
        json.dump(model, file)
        file.write("\n")


main()
