#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# generate_letters.py > letters.cc: writes the table of Unicode's letters (general category L) from
# Python's unicodedata. Run it again with a newer Python for a newer Unicode.

import sys
import unicodedata

BLOCK = 256


def bits_of(block):
    bits = 0
    for i in range(BLOCK):
        if unicodedata.category(chr(block * BLOCK + i)).startswith("L"):
            bits |= 1 << i
    return bits


def main():
    bits = [bits_of(block) for block in range(0x110000 // BLOCK)]
    while bits[-1] == 0:
        bits.pop()
    unique = sorted(set(bits))
    print(f"""// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Which code points are letters (general category L of Unicode {unicodedata.unidata_version}).
// Made by generate_letters.py; not edited by hand.
// clang-format off

#include "joist/io/text/letters.h"

namespace joist::text {{

static_assert(kLetterBlocks == {len(bits)});

const uint8_t kLetterBlock[kLetterBlocks] = {{""")
    indices = [str(unique.index(b)) + "," for b in bits]
    for i in range(0, len(indices), 20):
        print("    " + " ".join(indices[i:i + 20]))
    print(f"""}};

const uint64_t kLetterBits[][4] = {{""")
    for b in unique:
        words = ", ".join(f"0x{(b >> (64 * i)) & (2**64 - 1):x}u" for i in range(4))
        print(f"    {{{words}}},")
    print("""};

}  // namespace joist::text""")


sys.exit(main())
