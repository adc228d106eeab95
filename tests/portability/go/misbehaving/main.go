// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

// Command misbehaving sums the numbers below a thousand with a DoFn that does what it should not in the
// middle of a bundle, once: whichever worker first writes the file of --marker, with its process id.
//
//	misbehaving --how=exit|sleep|pause|fail|well --marker=FILE --output=FILE --endpoint=… --environment_type=…
//
// The sum is written to --output. misbehaving_test.py says what must come of it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"reflect"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/local"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/textio"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/universal"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/transforms/stats"
)

const (
	numbers = 1000
	fatal   = 500 // The number that it does it at.
)

var (
	how    = flag.String("how", "well", "what to do: exit, sleep for ever, pause a while, fail, or nothing (well)")
	marker = flag.String("marker", "", "the file that says that it has been done")
	output = flag.String("output", "", "the file for the sum")
)

func init() {
	register.DoFn2x1[int, func(int), error](&misbehave{})
	register.Function1x1(text)
	register.Emitter1[int]()
	beam.RegisterType(reflect.TypeOf((*misbehave)(nil)).Elem())
}

type misbehave struct {
	How    string
	Marker string
}

func (fn *misbehave) ProcessElement(number int, emit func(int)) error {
	if number == fatal && fn.How != "well" {
		file, err := os.OpenFile(fn.Marker, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			fmt.Fprintf(file, "%d\n", os.Getpid())
			file.Close()
			switch fn.How {
			case "exit":
				os.Exit(3)
			case "sleep":
				for {
					time.Sleep(time.Hour)
				}
			case "pause": // The test stops this process meanwhile.
				time.Sleep(2 * time.Second)
			}
		}
		if fn.How == "fail" {
			return errors.New("five hundred is not a number I like")
		}
	}
	emit(number)
	return nil
}

func text(sum int) string {
	return fmt.Sprint(sum)
}

func main() {
	flag.Parse()
	beam.Init()
	all := make([]int, numbers)
	for i := range all {
		all[i] = i
	}
	pipeline, scope := beam.NewPipelineWithRoot()
	// As one bundle is one transaction, what is before the fatal number comes again after it.
	kept := beam.ParDo(scope, &misbehave{How: *how, Marker: *marker}, beam.CreateList(scope, all))
	textio.Write(scope, *output, beam.ParDo(scope, text, stats.Sum(scope, kept)))
	if _, err := beam.Run(context.Background(), "universal", pipeline); err != nil {
		log.Fatal(err)
	}
}
