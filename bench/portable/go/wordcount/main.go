// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

// Command wordcount counts the words of a text with Beam's Go SDK on a job server, compares the result
// with a loop's, and writes one line of JSON: seconds and processor seconds of this process, which is
// the SDK's worker too, from submission to the end, its peak memory in bytes, and what is wrong, if
// anything is.
//
//	wordcount --endpoint=localhost:8073 --environment_type=LOOPBACK --input=FILE
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/local"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/textio"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/universal"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/transforms/stats"
)

var (
	input = flag.String("input", "", "the text file")
	word  = regexp.MustCompile(`[A-Za-z']+`)
)

func init() {
	register.Function2x0(split)
	register.Function2x1(format)
	register.Emitter1[string]()
}

func split(line string, emit func(string)) {
	for _, found := range word.FindAllString(line, -1) {
		emit(found)
	}
}

func format(word string, count int) string {
	return fmt.Sprintf("%s: %d", word, count)
}

// forEachLine calls use with each line of a file.
func forEachLine(path string, use func(string)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		use(lines.Text())
	}
	return lines.Err()
}

// wrong says how the lines that the pipeline wrote differ from what the text has.
func wrong(output string) string {
	counts := map[string]int{}
	if err := forEachLine(*input, func(line string) {
		for _, found := range word.FindAllString(line, -1) {
			counts[found]++
		}
	}); err != nil {
		return err.Error()
	}
	words := len(counts)
	lines := 0
	difference := ""
	if err := forEachLine(output, func(line string) {
		lines++
		name, text, _ := strings.Cut(line, ": ")
		if count, err := strconv.Atoi(text); err != nil || counts[name] != count {
			difference = fmt.Sprintf("%q, but there are %d", line, counts[name])
		}
		delete(counts, name)
	}); err != nil {
		return err.Error()
	}
	if difference == "" && (lines != words || len(counts) != 0) {
		difference = fmt.Sprintf("%d words, not the %d of the text", lines, words)
	}
	return difference
}

// usage has what this process has used: processor time and peak memory in bytes.
func usage() (time.Duration, int64) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		log.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), used.Maxrss * 1024
}

func main() {
	flag.Parse()
	beam.Init()
	if *input == "" {
		log.Fatal("--input says which text")
	}
	folder, err := os.MkdirTemp("", fmt.Sprintf("joist_wordcount_%d_", os.Getpid()))
	if err != nil {
		log.Fatal(err)
	}
	output := filepath.Join(folder, "counts")

	pipeline, scope := beam.NewPipelineWithRoot()
	words := beam.ParDo(scope, split, textio.Read(scope, *input))
	textio.Write(scope, output, beam.ParDo(scope, format, stats.Count(scope, words)))

	begin := time.Now()
	before, _ := usage()
	_, failure := beam.Run(context.Background(), "universal", pipeline)
	seconds := time.Since(begin).Seconds()
	after, peak := usage()

	difference := ""
	if failure != nil {
		difference = failure.Error()
	} else {
		difference = wrong(output)
	}
	os.RemoveAll(folder)
	line, err := json.Marshal(map[string]any{
		"seconds": seconds, "cpu": (after - before).Seconds(), "peak": peak, "wrong": difference})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
}
