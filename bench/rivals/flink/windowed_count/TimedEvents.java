// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The events of bench/timed_events.h, to the last bit: event i is a pure function of i. Unsigned
// arithmetic of the original is signed here, which wraps around alike; only shifts and remainders
// differ. Immutable.

import java.io.Serializable;

final class TimedEvents implements Serializable {
  static final long MINUTE = 60_000;
  static final long SPAN = 60 * MINUTE;
  static final long DISORDER = 4096;
  static final long BEGIN = 1_000_000 * MINUTE;

  private static final int FRACTION_BITS = 27;
  private static final int REST_BITS = FRACTION_BITS - 8;
  /** 2^(31 + i/256), for powers of two by linear interpolation. */
  private static final long[] POWERS_OF_TWO = new long[257];

  static {
    for (int i = 0; i < POWERS_OF_TWO.length; ++i) {
      POWERS_OF_TWO[i] = (long) Math.pow(2, 31 + i / 256.0);
    }
  }

  final long eventCount;
  private final long octaves;
  private final long step;

  TimedEvents(long eventCount, long userCount) {
    this.eventCount = eventCount;
    int whole = 63 - Long.numberOfLeadingZeros(userCount);
    double log = whole + Math.log((double) userCount / (1L << whole)) / Math.log(2);
    this.octaves = (long) (log * (1 << FRACTION_BITS));
    this.step = (SPAN << 32) / eventCount;
  }

  /** The finalizer of splitmix64. */
  static long mix(long x) {
    x += 0x9E3779B97F4A7C15L;
    x = (x ^ (x >>> 30)) * 0xBF58476D1CE4E5B9L;
    x = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
    return x ^ (x >>> 31);
  }

  /** No event from `index` on is at this time less DISORDER or before. */
  long timeInOrder(long index) {
    return BEGIN + (index * step >>> 32);
  }

  /** The user and the time of an event come of the same random number. */
  static long random(long index) {
    return mix(index);
  }

  long user(long random) {
    long power = (random >>> 32) * octaves >>> 32;
    int piece = (int) (power >>> REST_BITS) & 255;
    long rest = power & ((1L << REST_BITS) - 1);
    long from = POWERS_OF_TWO[piece];
    long value = from + ((POWERS_OF_TWO[piece + 1] - from) * rest >>> REST_BITS);
    return (value >>> (31 - (power >>> FRACTION_BITS))) - 1;
  }

  long time(long index, long random) {
    return timeInOrder(index) - (random & (DISORDER - 1));
  }
}
