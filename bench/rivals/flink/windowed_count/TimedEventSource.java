// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A source of users at the times of TimedEvents: reader p of n has every n-th block of events from
// the p-th on, and emits a block at a time with the watermark that follows from it. That the source
// has an end, nobody is told. A reader's position is its checkpoint.

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SourceSplit;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.core.io.InputStatus;
import org.apache.flink.core.io.SimpleVersionedSerializer;

final class TimedEventSource
    implements Source<Long, TimedEventSource.Partition, List<TimedEventSource.Partition>> {
  /** Of all jobs of this process. */
  static final AtomicLong completedCheckpoints = new AtomicLong();
  /** By System.nanoTime(), of the reader that began first. */
  static final AtomicLong began = new AtomicLong(Long.MAX_VALUE);

  private static final int BLOCK = 1024;

  private final TimedEvents events;

  TimedEventSource(TimedEvents events) {
    this.events = events;
  }

  /** The blocks next, next + stride, … */
  static final class Partition implements SourceSplit {
    final int number;
    final int stride;
    final long next;

    Partition(int number, int stride, long next) {
      this.number = number;
      this.stride = stride;
      this.next = next;
    }

    @Override
    public String splitId() {
      return Integer.toString(number);
    }
  }

  @Override
  public Boundedness getBoundedness() {
    return Boundedness.CONTINUOUS_UNBOUNDED;
  }

  @Override
  public SourceReader<Long, Partition> createReader(SourceReaderContext context) {
    return new Reader(events);
  }

  @Override
  public SplitEnumerator<Partition, List<Partition>> createEnumerator(
      SplitEnumeratorContext<Partition> context) {
    List<Partition> partitions = new ArrayList<>();
    for (int i = 0; i < context.currentParallelism(); ++i) {
      partitions.add(new Partition(i, context.currentParallelism(), i));
    }
    return new Enumerator(context, partitions);
  }

  @Override
  public SplitEnumerator<Partition, List<Partition>> restoreEnumerator(
      SplitEnumeratorContext<Partition> context, List<Partition> unassigned) {
    return new Enumerator(context, unassigned);
  }

  @Override
  public SimpleVersionedSerializer<Partition> getSplitSerializer() {
    return new PartitionSerializer();
  }

  @Override
  public SimpleVersionedSerializer<List<Partition>> getEnumeratorCheckpointSerializer() {
    return new PartitionsSerializer();
  }

  private static final class Reader implements SourceReader<Long, Partition> {
    private final TimedEvents events;
    private final CompletableFuture<Void> hasPartition = new CompletableFuture<>();
    private Partition partition;
    private long next;

    Reader(TimedEvents events) {
      this.events = events;
    }

    @Override
    public void start() {}

    @Override
    public InputStatus pollNext(ReaderOutput<Long> output) {
      if (partition == null) return InputStatus.NOTHING_AVAILABLE;
      long begin = next * BLOCK;
      if (begin >= events.eventCount) return InputStatus.END_OF_INPUT;
      long end = Math.min(begin + BLOCK, events.eventCount);
      for (long i = begin; i < end; ++i) {
        long random = TimedEvents.random(i);
        output.collect(events.user(random), events.time(i, random));
      }
      output.emitWatermark(new Watermark(events.timeInOrder(end) - TimedEvents.DISORDER));
      next += partition.stride;
      return InputStatus.MORE_AVAILABLE;
    }

    @Override
    public List<Partition> snapshotState(long checkpoint) {
      if (partition == null) return List.of();
      return List.of(new Partition(partition.number, partition.stride, next));
    }

    @Override
    public CompletableFuture<Void> isAvailable() {
      return hasPartition;
    }

    @Override
    public void addSplits(List<Partition> splits) {
      partition = splits.get(0);
      next = partition.next;
      began.accumulateAndGet(System.nanoTime(), Math::min);
      hasPartition.complete(null);
    }

    @Override
    public void notifyNoMoreSplits() {}

    @Override
    public void close() {}
  }

  /** Gives each reader one partition. */
  private static final class Enumerator implements SplitEnumerator<Partition, List<Partition>> {
    private final SplitEnumeratorContext<Partition> context;
    private final List<Partition> unassigned;

    Enumerator(SplitEnumeratorContext<Partition> context, List<Partition> unassigned) {
      this.context = context;
      this.unassigned = unassigned;
    }

    @Override
    public void start() {}

    @Override
    public void addReader(int reader) {
      if (!unassigned.isEmpty()) context.assignSplit(unassigned.remove(0), reader);
    }

    @Override
    public void handleSplitRequest(int reader, String host) {}

    @Override
    public void addSplitsBack(List<Partition> splits, int reader) {
      unassigned.addAll(splits);
    }

    @Override
    public List<Partition> snapshotState(long checkpoint) {
      return unassigned;
    }

    @Override
    public void notifyCheckpointComplete(long checkpoint) {
      completedCheckpoints.incrementAndGet();
    }

    @Override
    public void close() {}
  }

  private static final class PartitionSerializer implements SimpleVersionedSerializer<Partition> {
    static final int BYTES = 2 * Integer.BYTES + Long.BYTES;

    @Override
    public int getVersion() {
      return 1;
    }

    @Override
    public byte[] serialize(Partition partition) {
      ByteBuffer out = ByteBuffer.allocate(BYTES);
      write(partition, out);
      return out.array();
    }

    @Override
    public Partition deserialize(int version, byte[] bytes) {
      return read(ByteBuffer.wrap(bytes));
    }

    static void write(Partition partition, ByteBuffer out) {
      out.putInt(partition.number).putInt(partition.stride).putLong(partition.next);
    }

    static Partition read(ByteBuffer in) {
      return new Partition(in.getInt(), in.getInt(), in.getLong());
    }
  }

  private static final class PartitionsSerializer
      implements SimpleVersionedSerializer<List<Partition>> {
    @Override
    public int getVersion() {
      return 1;
    }

    @Override
    public byte[] serialize(List<Partition> partitions) {
      ByteBuffer out = ByteBuffer.allocate(partitions.size() * PartitionSerializer.BYTES);
      for (Partition partition : partitions) PartitionSerializer.write(partition, out);
      return out.array();
    }

    @Override
    public List<Partition> deserialize(int version, byte[] bytes) {
      List<Partition> partitions = new ArrayList<>();
      for (ByteBuffer in = ByteBuffer.wrap(bytes); in.hasRemaining(); ) {
        partitions.add(PartitionSerializer.read(in));
      }
      return partitions;
    }
  }
}
