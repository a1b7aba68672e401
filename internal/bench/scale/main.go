// Scale prints the tables of docs/scaling.md. It measures each load with 1, 2 and 4 processes of each role, and the
// load schedule with many sources. It needs AMQP_URL and REDIS_URL. The command is make scale.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/matchwire/matchwire/internal/bench"
)

func main() {
	counts := flag.String("processes", "1,2,4", "numbers of processes of each role, separated by commas")
	loads := flag.String("loads", strings.Join(bench.Loads(), ","), "loads to measure, separated by commas")
	sources := flag.Int("sources", 10_000, "number of sources of the load schedule, with an interval of 15 seconds")
	sockets := flag.Int("sockets", 2_000, "number of sockets of the load sockets")
	duration := flag.String("for", "30s", "duration of each measurement")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	args := []string{"--sources", strconv.Itoa(*sources), "--sockets", strconv.Itoa(*sockets), "--for", *duration}
	if err := run(ctx, strings.Split(*counts, ","), strings.Split(*loads, ","), args); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

// run prints a table for each load, with a row for each number of processes.
func run(ctx context.Context, counts, loads, args []string) error {
	if os.Getenv("AMQP_URL") == "" || os.Getenv("REDIS_URL") == "" {
		return errors.New("AMQP_URL and REDIS_URL are not set: run make scale")
	}
	dir, err := os.MkdirTemp("", "matchwire-scale-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "matchwire")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/matchwire")
	if build.Stderr = os.Stderr; build.Run() != nil {
		return errors.New("matchwire cannot be built")
	}
	for _, load := range loads {
		all := bench.Report{Servers: true}
		for _, n := range counts {
			fmt.Fprintf(os.Stderr, "scale: load %s, processes of each role: %s\n", load, n)
			measured, err := measure(ctx, program, append([]string{"bench", load, "--json", "--processes", n}, args...))
			if err != nil {
				return err
			}
			all.Results = append(all.Results, measured.Results...)
		}
		fmt.Println(all.Markdown())
	}
	return nil
}

// measure runs matchwire bench and returns its report.
func measure(ctx context.Context, program string, args []string) (report bench.Report, err error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return report, fmt.Errorf("matchwire %s: %w", strings.Join(args, " "), err)
	}
	return report, json.Unmarshal(out.Bytes(), &report)
}
