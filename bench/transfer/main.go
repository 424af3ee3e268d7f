// Command transfer measures how fast files move between disk and Blob, beside
// rclone copy with its best --transfers, into the same Azurite in the same run:
// many small files, some of a few MB, and a large one, there and back. Rounds
// of ours and of the peer alternate; a ratio is the median of those of the
// rounds. It prints a table for people and, as its last line, JSON.
//
//	go run ./bench/transfer [-full] [-rounds N] [-dir DIR] [-json FILE] [-profile DIR] [small] [medium] [large]
//
// Uploads are those of package transfer in a process of their own, downloads
// are bin/starter outputs; the peer is bin/rclone. All of them start from
// nothing: a container that is empty, a directory that is not there. The time
// is that of the process, from its start to its end.
//
// It asserts nothing: figures of a busy machine are no test. It talks to the
// Azurite that it has started itself, on the loopback interface, alone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench/transfer:", err)
		os.Exit(1)
	}
}

// bench is what is measured with.
type bench struct {
	dir      string // of everything that is made, deleted at the end
	bin      string // of rclone and starter
	profiles string // directory of profiles, or empty
	rounds   int
	full     bool
	log      io.Writer
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.log, format+"\n", args...) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == uploadCommand {
		return upload(ctx, args[1:])
	}
	flags := flag.NewFlagSet("transfer", flag.ContinueOnError)
	flags.SetOutput(stderr)
	b := bench{log: stderr}
	flags.BoolVar(&b.full, "full", false, "the whole sizes: 10,000 files of 64 KiB, 100 of 2.7 MB, one of 4 GiB (it needs 25 GiB of disk)")
	flags.IntVar(&b.rounds, "rounds", 0, "how often each is measured (default 2, with -full 4); with an even number nobody goes first more often")
	flags.StringVar(&b.bin, "bin", "bin", "directory of starter and rclone, as make build bin/rclone leaves it")
	flags.StringVar(&b.profiles, "profile", "", "directory for profiles of the uploads")
	dir := flags.String("dir", "", "where files and Azurite's data go (default: the temporary directory)")
	file := flags.String("json", "", "file for the JSON, besides stdout")
	if err := flags.Parse(args); err != nil {
		return err
	}
	works, err := b.chosen(flags.Args())
	if err != nil {
		return err
	}
	if err := b.prepare(*dir); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	result := b.setting(ctx)
	for _, w := range works {
		rows, err := b.measure(ctx, w)
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", w.what, err), ctx.Err())
		}
		result.Rows = append(result.Rows, rows...)
	}
	return result.print(stdout, *file)
}

func (b *bench) prepare(dir string) (err error) {
	if b.rounds == 0 {
		b.rounds = map[bool]int{false: 2, true: 4}[b.full]
	}
	if b.bin, err = filepath.Abs(b.bin); err != nil {
		return err
	}
	for _, program := range []string{"rclone", "starter"} {
		if _, err := os.Stat(filepath.Join(b.bin, program)); err != nil {
			return fmt.Errorf("%w; make build bin/rclone makes it", err)
		}
	}
	if b.profiles != "" {
		if b.profiles, err = filepath.Abs(b.profiles); err != nil {
			return err
		}
		if err := os.MkdirAll(b.profiles, 0o755); err != nil {
			return err
		}
	}
	b.dir, err = os.MkdirTemp(dir, "durabatch-bench-")
	return err
}
