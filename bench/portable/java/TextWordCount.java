// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.PipelineResult;
import org.apache.beam.sdk.io.TextIO;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.apache.beam.sdk.options.Validation;
import org.apache.beam.sdk.transforms.Count;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.MapElements;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.TypeDescriptors;

/**
 * Counts the words of a text with Beam's Java SDK, compares the result with a loop's, and writes one
 * line of JSON: seconds and processor seconds of this process, which with LOOPBACK is the SDK's worker
 * too, from submission to the end, its peak memory in bytes, and what is wrong, if anything is.
 */
public class TextWordCount {
  private static final Pattern WORD = Pattern.compile("[A-Za-z']+");

  public interface Options extends PipelineOptions {
    @Description("The text file")
    @Validation.Required
    String getInput();

    void setInput(String value);
  }

  static class Split extends DoFn<String, String> {
    @ProcessElement
    public void process(@Element String line, OutputReceiver<String> words) {
      Matcher word = WORD.matcher(line);
      while (word.find()) {
        words.output(word.group());
      }
    }
  }

  private static String format(KV<String, Long> count) {
    return count.getKey() + ": " + count.getValue();
  }

  /** How the lines of the files in a folder differ from what the text has; empty if they do not. */
  private static String wrong(Path text, Path folder) throws IOException {
    Map<String, Long> counts = new HashMap<>();
    try (Stream<String> lines = Files.lines(text)) {
      lines.forEach(
          line -> {
            Matcher word = WORD.matcher(line);
            while (word.find()) {
              counts.merge(word.group(), 1L, Long::sum);
            }
          });
    }
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "counts*")) {
      for (Path file : files) {
        for (String line : Files.readAllLines(file)) {
          String word = line.substring(0, Math.max(line.indexOf(": "), 0));
          Long count = counts.remove(word);
          if (count == null || !line.equals(word + ": " + count)) {
            return "'" + line + "', but there are " + count;
          }
        }
      }
    }
    return counts.isEmpty() ? "" : counts.size() + " words are missing";
  }

  private static long peakBytes() throws IOException {
    for (String line : Files.readAllLines(Paths.get("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) {
        return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
      }
    }
    throw new IOException("/proc/self/status has no VmHWM");
  }

  private static void deleteFolder(Path folder) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        if (Files.isDirectory(file)) {
          deleteFolder(file);
        } else {
          Files.delete(file);
        }
      }
    }
    Files.delete(folder);
  }

  private static String quoted(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    text.chars()
        .limit(300)
        .forEach(
            c -> {
              if (c < ' ') {
                quoted.append(' ');
              } else {
                quoted.append(c == '"' || c == '\\' ? "\\" : "").append((char) c);
              }
            });
    return quoted.append('"').toString();
  }

  public static void main(String[] arguments) throws IOException {
    PipelineOptionsFactory.register(Options.class);
    Options options =
        PipelineOptionsFactory.fromArgs(arguments).withValidation().as(Options.class);
    Path folder = Files.createTempDirectory("joist_wordcount_");

    Pipeline pipeline = Pipeline.create(options);
    pipeline
        .apply("Read", TextIO.read().from(options.getInput()))
        .apply("Split", ParDo.of(new Split()))
        .apply("Count", Count.perElement())
        .apply("Format", MapElements.into(TypeDescriptors.strings()).via(TextWordCount::format))
        .apply("Write", TextIO.write().to(folder + "/counts"));

    OperatingSystemMXBean process =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    long begin = System.nanoTime();
    long used = process.getProcessCpuTime();
    String why = "";
    try {
      PipelineResult.State state = pipeline.run().waitUntilFinish();
      if (state != PipelineResult.State.DONE) {
        why = "the job is " + state;
      }
    } catch (RuntimeException failure) {
      why = failure.toString();
    }
    double seconds = (System.nanoTime() - begin) / 1e9;
    double cpu = (process.getProcessCpuTime() - used) / 1e9;
    long peak = peakBytes();
    if (why.isEmpty()) {
      why = wrong(Paths.get(options.getInput()), folder);
    }
    deleteFolder(folder);
    System.out.println(
        "{\"seconds\": " + seconds + ", \"cpu\": " + cpu + ", \"peak\": " + peak
            + ", \"wrong\": " + quoted(why) + "}");
    System.exit(0); // Workers of a job that has failed may have threads.
  }
}
