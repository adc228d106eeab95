# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""The text that the word counts of all SDKs read: 100,000 words drawn by Zipf's law, twelve a line."""

import itertools
import os
import random

VOCABULARY, LINE = 100_000, 12


def path_of(megabytes, folder):
    """The file with the text, written if it isn't there. The same size gives the same bytes."""
    path = os.path.join(folder, f"portable-words-{megabytes}.txt")
    if os.path.exists(path):
        return path
    chance = random.Random(1)
    words = ["".join(chance.choices("etaoinshrdlucmfwypvbgkqjxz", k=chance.randrange(2, 12)))
             for _ in range(VOCABULARY)]
    weights = list(itertools.accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))
    unfinished = f"{path}.{os.getpid()}"
    with open(unfinished, "w", encoding="ascii") as file:
        while file.tell() < megabytes * 1_000_000:
            drawn = chance.choices(words, cum_weights=weights, k=1000 * LINE)
            file.writelines(" ".join(drawn[i:i + LINE]) + "\n" for i in range(0, len(drawn), LINE))
    os.rename(unfinished, path)
    return path
