// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The benchmark windowed_count as a stream of Flink in one process: events by user and minute of
// event time. Long and LongValue have serializers that don't look at fields; a count is changed in
// place, which the heap's copy-on-write state map allows.
//
//   WindowedCount --events N --users N --parallelism N
//                 [--checkpoint-interval MS --checkpoint-dir DIRECTORY]
//
// It prints one line of NAME=VALUE: seconds are those from the first event to the last result, the
// digest is that of bench/window_results.h.

import java.io.Serializable;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.java.utils.ParameterTool;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.JobManagerOptions;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.streaming.api.environment.ExecutionCheckpointingOptions;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.time.Time;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.types.LongValue;
import org.apache.flink.util.Collector;

public final class WindowedCount {
  public static void main(String[] args) throws Exception {
    ParameterTool options = ParameterTool.fromArgs(args);
    TimedEvents events = new TimedEvents(options.getLong("events"), options.getLong("users"));
    int parallelism = options.getInt("parallelism");
    long checkpointInterval = options.getLong("checkpoint-interval", 0);

    StreamExecutionEnvironment job =
        StreamExecutionEnvironment.createLocalEnvironment(parallelism, configuration(options));
    job.getConfig().enableObjectReuse();
    // Watermarks come from the source; nobody asks for them by the clock.
    job.getConfig().setAutoWatermarkInterval(0);
    job.fromSource(
            new TimedEventSource(events), WatermarkStrategy.noWatermarks(), "Users", Types.LONG)
        .keyBy(user -> user, Types.LONG)
        .window(TumblingEventTimeWindows.of(Time.milliseconds(TimedEvents.MINUTE)))
        .aggregate(new Count(), new ToUserCount())
        .sinkTo(new DigestSink())
        .name("Digest");
    job.execute("windowed_count");

    System.out.printf(
        "events=%d parallelism=%d checkpoint_interval=%d checkpoints=%d seconds=%.3f"
            + " entries=%d sum=%s mixed_sum=%s%n",
        events.eventCount,
        parallelism,
        checkpointInterval,
        TimedEventSource.completedCheckpoints.get(),
        (DigestSink.ended.get() - TimedEventSource.began.get()) * 1e-9,
        DigestSink.entries.get(),
        Long.toUnsignedString(DigestSink.sum.get()),
        Long.toUnsignedString(DigestSink.mixedSum.get()));
  }

  private static Configuration configuration(ParameterTool options) {
    Configuration configuration = new Configuration();
    configuration.set(JobManagerOptions.BIND_HOST, "127.0.0.1");
    configuration.set(TaskManagerOptions.BIND_HOST, "127.0.0.1");
    configuration.set(RestOptions.BIND_ADDRESS, "127.0.0.1");
    configuration.set(RestOptions.BIND_PORT, "0");
    configuration.set(StateBackendOptions.STATE_BACKEND, "hashmap");
    long checkpointInterval = options.getLong("checkpoint-interval", 0);
    if (checkpointInterval > 0) {
      configuration.set(
          ExecutionCheckpointingOptions.CHECKPOINTING_INTERVAL,
          Duration.ofMillis(checkpointInterval));
      configuration.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
      configuration.set(
          CheckpointingOptions.CHECKPOINTS_DIRECTORY,
          "file://" + options.getRequired("checkpoint-dir"));
    }
    return configuration;
  }

  private static final class Count implements AggregateFunction<Long, LongValue, LongValue> {
    @Override
    public LongValue createAccumulator() {
      return new LongValue();
    }

    @Override
    public LongValue add(Long user, LongValue count) {
      count.setValue(count.getValue() + 1);
      return count;
    }

    @Override
    public LongValue getResult(LongValue count) {
      return count;
    }

    @Override
    public LongValue merge(LongValue to, LongValue from) {
      to.setValue(to.getValue() + from.getValue());
      return to;
    }
  }

  /** What a user did in a window. */
  public static final class UserCount implements Serializable {
    public long start;
    public long end;
    public long user;
    public long count;
  }

  private static final class ToUserCount
      extends ProcessWindowFunction<LongValue, UserCount, Long, TimeWindow> {
    private final UserCount result = new UserCount();

    @Override
    public void process(
        Long user, Context context, Iterable<LongValue> counts, Collector<UserCount> out) {
      result.start = context.window().getStart();
      result.end = context.window().getEnd();
      result.user = user;
      result.count = counts.iterator().next().getValue();
      out.collect(result);
    }
  }

  /** Discards results but for their digest, which is complete when the job is. */
  private static final class DigestSink implements Sink<UserCount> {
    static final AtomicLong entries = new AtomicLong();
    static final AtomicLong sum = new AtomicLong();
    static final AtomicLong mixedSum = new AtomicLong();
    /** By System.nanoTime(), of the writer that ended last. */
    static final AtomicLong ended = new AtomicLong();

    @Override
    public SinkWriter<UserCount> createWriter(InitContext context) {
      return new Writer();
    }

    private static final class Writer implements SinkWriter<UserCount> {
      private long ownEntries;
      private long ownSum;
      private long ownMixedSum;

      @Override
      public void write(UserCount result, Context context) {
        long key = result.user + (result.start << 24);
        long hash =
            (key * 0xD6E8FEB86659FD93L ^ result.end) * 0xBF58476D1CE4E5B9L
                ^ (key + result.count) * 0x94D049BB133111EBL;
        ++ownEntries;
        ownSum += hash;
        ownMixedSum += hash * (hash >>> 32 | 1);
      }

      @Override
      public void flush(boolean endOfInput) {
        if (!endOfInput) return;
        entries.addAndGet(ownEntries);
        sum.addAndGet(ownSum);
        mixedSum.addAndGet(ownMixedSum);
        ended.accumulateAndGet(System.nanoTime(), Math::max);
      }

      @Override
      public void close() {}
    }
  }
}
