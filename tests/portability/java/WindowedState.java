// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.PipelineResult;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.CustomCoder;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.coders.VarLongCoder;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.apache.beam.sdk.state.BagState;
import org.apache.beam.sdk.state.StateSpec;
import org.apache.beam.sdk.state.StateSpecs;
import org.apache.beam.sdk.state.TimeDomain;
import org.apache.beam.sdk.state.Timer;
import org.apache.beam.sdk.state.TimerSpec;
import org.apache.beam.sdk.state.TimerSpecs;
import org.apache.beam.sdk.state.ValueState;
import org.apache.beam.sdk.testing.TestStream;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.windowing.BoundedWindow;
import org.apache.beam.sdk.transforms.windowing.FixedWindows;
import org.apache.beam.sdk.transforms.windowing.NonMergingWindowFn;
import org.apache.beam.sdk.transforms.windowing.Window;
import org.apache.beam.sdk.transforms.windowing.WindowFn;
import org.apache.beam.sdk.transforms.windowing.WindowMappingFn;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.TimestampedValue;
import org.joda.time.Duration;
import org.joda.time.Instant;

/**
 * Sums by user and minute in state, given out by a timer at the end of the minute. The results are
 * compared with those of a loop, so the worker must live in this process (LOOPBACK).
 */
public class WindowedState {
  private static final int USERS = 7;
  private static final int MINUTES = 5;
  private static final int EVENTS = 1000;
  private static final Duration MINUTE = Duration.standardMinutes(1);

  /** "user@minute: sum of n" by "user@minute"; what a bundle that is tried again gives out is the same. */
  private static final Map<String, String> RESULTS = new ConcurrentHashMap<>();

  public interface Options extends PipelineOptions {
    @Description("Whether the events come as a stream, whose watermark advances between minutes")
    boolean getAsStream();

    void setAsStream(boolean value);

    @Description("Whether windows are of a type of this program, which runners don't know")
    boolean getOwnWindows();

    void setOwnWindows(boolean value);
  }

  /** The minute of that number, which is all that its encoding says. */
  static class Minute extends BoundedWindow {
    final long number;

    Minute(long number) {
      this.number = number;
    }

    @Override
    public Instant maxTimestamp() {
      return new Instant((number + 1) * MINUTE.getMillis() - 1);
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Minute && ((Minute) other).number == number;
    }

    @Override
    public int hashCode() {
      return Long.hashCode(number);
    }
  }

  static class MinuteCoder extends CustomCoder<Minute> {
    @Override
    public void encode(Minute minute, OutputStream out) throws IOException {
      VarLongCoder.of().encode(minute.number, out);
    }

    @Override
    public Minute decode(InputStream in) throws IOException {
      return new Minute(VarLongCoder.of().decode(in));
    }

    @Override
    public void verifyDeterministic() {}
  }

  static class Minutes extends NonMergingWindowFn<Object, Minute> {
    @Override
    public Collection<Minute> assignWindows(AssignContext context) {
      return Collections.singletonList(new Minute(minuteOf(context.timestamp())));
    }

    @Override
    public boolean isCompatible(WindowFn<?, ?> other) {
      return other instanceof Minutes;
    }

    @Override
    public Coder<Minute> windowCoder() {
      return new MinuteCoder();
    }

    @Override
    public WindowMappingFn<Minute> getDefaultWindowMappingFn() {
      throw new UnsupportedOperationException();
    }
  }

  static class SumUntilTheEnd extends DoFn<KV<String, Long>, String> {
    @StateId("sum")
    private final StateSpec<ValueState<Long>> sumSpec = StateSpecs.value(VarLongCoder.of());

    @StateId("values")
    private final StateSpec<BagState<Long>> valuesSpec = StateSpecs.bag(VarLongCoder.of());

    @StateId("key")
    private final StateSpec<ValueState<String>> keySpec = StateSpecs.value(StringUtf8Coder.of());

    @TimerId("end")
    private final TimerSpec endSpec = TimerSpecs.timer(TimeDomain.EVENT_TIME);

    @ProcessElement
    public void process(
        @Element KV<String, Long> event,
        BoundedWindow window,
        @StateId("sum") ValueState<Long> sum,
        @StateId("values") BagState<Long> values,
        @StateId("key") ValueState<String> key,
        @TimerId("end") Timer end) {
      Long before = sum.read();
      sum.write((before == null ? 0 : before) + event.getValue());
      values.add(event.getValue());
      key.write(event.getKey());
      end.set(window.maxTimestamp());
    }

    @OnTimer("end")
    public void end(
        OnTimerContext context,
        BoundedWindow window,
        @StateId("sum") ValueState<Long> sum,
        @StateId("values") BagState<Long> values,
        @StateId("key") ValueState<String> key) {
      long count = 0;
      long again = 0;
      for (long value : values.read()) {
        ++count;
        again += value;
      }
      if (again != sum.read()) {
        throw new IllegalStateException("the bag has " + again + ", the sum is " + sum.read());
      }
      context.output(result(key.read(), minuteOf(window.maxTimestamp()), again, count));
      values.clear();
      sum.clear();
    }
  }

  static class Keep extends DoFn<String, Void> {
    @ProcessElement
    public void process(@Element String result, BoundedWindow window) {
      String name = result.substring(0, result.indexOf(':'));
      if (!name.endsWith("@" + minuteOf(window.maxTimestamp()))) {
        throw new IllegalStateException(result + " came in window " + window);
      }
      String other = RESULTS.putIfAbsent(name, result);
      if (other != null && !other.equals(result)) {
        throw new IllegalStateException("both " + other + " and " + result);
      }
    }
  }

  private static long minuteOf(Instant time) {
    return time.getMillis() / MINUTE.getMillis();
  }

  private static String result(String user, long minute, long sum, long count) {
    return user + "@" + minute + ": " + sum + " of " + count;
  }

  /** Event `i` of a minute: users in turn, times all over the minute and out of order. */
  private static TimestampedValue<KV<String, Long>> event(int minute, int i) {
    long offset = (i * 7919L) % MINUTE.getMillis();
    return TimestampedValue.of(
        KV.of("user" + i % USERS, (long) i * (minute + 1)),
        new Instant(minute * MINUTE.getMillis() + offset));
  }

  private static PCollection<KV<String, Long>> events(Pipeline pipeline, boolean asStream) {
    KvCoder<String, Long> coder = KvCoder.of(StringUtf8Coder.of(), VarLongCoder.of());
    if (!asStream) {
      List<TimestampedValue<KV<String, Long>>> all = new ArrayList<>();
      for (int minute = 0; minute < MINUTES; ++minute) {
        for (int i = 0; i < EVENTS; ++i) {
          all.add(event(minute, i));
        }
      }
      return pipeline.apply("Events", Create.timestamped(all).withCoder(coder));
    }
    TestStream.Builder<KV<String, Long>> stream = TestStream.create(coder);
    for (int minute = 0; minute < MINUTES; ++minute) {
      for (int i = 0; i < EVENTS; ++i) {
        stream = stream.addElements(event(minute, i));
      }
      stream = stream.advanceWatermarkTo(new Instant((minute + 1) * MINUTE.getMillis()));
    }
    return pipeline.apply("Events", stream.advanceWatermarkToInfinity());
  }

  private static Map<String, String> expected() {
    Map<String, String> results = new TreeMap<>();
    for (int minute = 0; minute < MINUTES; ++minute) {
      for (int user = 0; user < USERS; ++user) {
        long sum = 0;
        long count = 0;
        for (int i = user; i < EVENTS; i += USERS) {
          sum += (long) i * (minute + 1);
          ++count;
        }
        results.put("user" + user + "@" + minute, result("user" + user, minute, sum, count));
      }
    }
    return results;
  }

  public static void main(String[] arguments) {
    PipelineOptionsFactory.register(Options.class);
    Options options =
        PipelineOptionsFactory.fromArgs(arguments).withValidation().as(Options.class);
    Pipeline pipeline = Pipeline.create(options);
    events(pipeline, options.getAsStream())
        .apply(
            "Minutes",
            options.getOwnWindows()
                ? Window.into(new Minutes())
                : Window.into(FixedWindows.of(MINUTE)))
        .apply("Sum", ParDo.of(new SumUntilTheEnd()))
        .apply("Keep", ParDo.of(new Keep()));
    PipelineResult.State state = pipeline.run().waitUntilFinish();
    Map<String, String> results = new TreeMap<>(RESULTS);
    if (state != PipelineResult.State.DONE || !results.equals(expected())) {
      System.err.println("the job is " + state + " with " + results + ", not " + expected());
      System.exit(1);
    }
    System.out.println(results.size() + " results are right");
    System.exit(0);
  }
}
