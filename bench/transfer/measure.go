package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// measure takes the times of one work: first of trials, which find the peer's
// best options, then of the rounds, each with an Azurite of its own.
func (b *bench) measure(ctx context.Context, w work) ([]row, error) {
	b.say("%s: writing the files", w.what)
	source, sample := filepath.Join(b.dir, w.name), filepath.Join(b.dir, w.name+"-sample")
	defer os.RemoveAll(source)
	defer os.RemoveAll(sample)
	if err := errors.Join(files(source, w.files, w.size, 1), files(sample, int(w.sampleFiles), w.sample, 2)); err != nil {
		return nil, err
	}
	best, err := b.trials(ctx, w, sample)
	if err != nil {
		return nil, err
	}
	up := row{What: "upload " + w.what, Options: best.upload, Goal: w.upload}
	down := row{What: "download " + w.what, Options: best.download, Goal: w.download}
	for n := range b.rounds {
		b.say("%s: round %d of %d", w.what, n+1, b.rounds)
		if err := b.round(ctx, w, n, source, sample, best, &up, &down); err != nil {
			return nil, err
		}
	}
	return []row{up.judged(), down.judged()}, nil
}

// choice is the peer's best options.
type choice struct{ upload, download options }

// trials moves the sample with each of the peer's options, twice, and takes
// the one that was fastest either time.
func (b *bench) trials(ctx context.Context, w work, sample string) (best choice, err error) {
	a, err := b.azurite(ctx, "azurite-trials")
	if err != nil {
		return best, err
	}
	defer func() { err = errors.Join(err, a.stop()) }()
	fastestUp, fastestDown := 0.0, 0.0
	for n := range 2 * len(w.options) {
		with := w.options[n%len(w.options)]
		name := fmt.Sprintf("trial-%d", n)
		c, err := a.create(ctx, name)
		if err != nil {
			return best, err
		}
		up, err := b.rclone(ctx, a, sample, remote(name), with)
		if err != nil {
			return best, err
		}
		if fastestUp == 0 || up.Seconds < fastestUp {
			fastestUp, best.upload = up.Seconds, with
		}
		to := filepath.Join(b.dir, name)
		down, err := b.rclone(ctx, a, remote(name), to, with)
		if err := errors.Join(err, os.RemoveAll(to)); err != nil {
			return best, err
		}
		if _, err := c.Delete(ctx, nil); err != nil {
			return best, err
		}
		if fastestDown == 0 || down.Seconds < fastestDown {
			fastestDown, best.download = down.Seconds, with
		}
		b.say("%s: rclone %v: up %.2f s, down %.2f s", w.what, with, up.Seconds, down.Seconds)
	}
	return best, nil
}

// round measures each of the four once. Who goes first alternates. Each leaves
// the server as it found it: to Azurite a request costs the more, the more blobs
// there are.
func (b *bench) round(ctx context.Context, w work, n int, source, sample string, best choice, up, down *row) (err error) {
	a, err := b.azurite(ctx, fmt.Sprintf("azurite-%d", n))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.stop()) }()
	if err := b.warm(ctx, a, sample); err != nil {
		return err
	}
	name, to := fmt.Sprintf("%s-%d", w.name, n), filepath.Join(b.dir, "downloads")
	return inTurn(n, func() error {
		return there(ctx, a, w, "ours-"+name, to, func(name string) error {
			f, err := b.ourUpload(ctx, a, source, name)
			up.Ours = append(up.Ours, f)
			return err
		}, func(name string) error {
			f, err := b.ourDownload(ctx, a, name, to)
			down.Ours = append(down.Ours, f)
			return err
		})
	}, func() error {
		return there(ctx, a, w, "theirs-"+name, to, func(name string) error {
			f, err := b.rclone(ctx, a, source, remote(name), best.upload)
			up.Theirs = append(up.Theirs, f)
			return err
		}, func(name string) error {
			f, err := b.rclone(ctx, a, remote(name), to, append(options{"--exclude", workload.Reserved + "**"}, best.download...))
			down.Theirs = append(down.Theirs, f)
			return err
		})
	})
}

// there moves files to a container of that name and back to a directory, checks
// that all have arrived, and deletes both.
func there(ctx context.Context, a *azurite, w work, name, to string, upload, download func(container string) error) error {
	c, err := a.create(ctx, name)
	if err != nil {
		return err
	}
	if err := upload(name); err != nil {
		return err
	}
	if err := a.results(ctx, name, w); err != nil {
		return err
	}
	if err := download(name); err != nil {
		return err
	}
	_, err = c.Delete(ctx, nil)
	return errors.Join(err, arrived(to, w))
}

func inTurn(n int, ours, theirs func() error) error {
	first, second := ours, theirs
	if n%2 == 1 {
		first, second = theirs, ours
	}
	if err := first(); err != nil {
		return err
	}
	return second()
}

// warm moves the sample once each way, so that nobody meets a server that has
// compiled nothing yet.
func (b *bench) warm(ctx context.Context, a *azurite, sample string) error {
	c, err := a.create(ctx, "warm")
	if err != nil {
		return err
	}
	if _, err := b.ourUpload(ctx, a, sample, "warm"); err != nil {
		return err
	}
	to := filepath.Join(b.dir, "warm")
	if _, err := b.rclone(ctx, a, remote("warm"), to, nil); err != nil {
		return err
	}
	_, err = c.Delete(ctx, nil)
	return errors.Join(err, os.RemoveAll(to))
}

// results checks that every file is in the container, and writes the results
// of a run that had left them there, which starter outputs reads.
func (a *azurite) results(ctx context.Context, name string, w work) error {
	c := a.storage.Container(name)
	var results []workload.Result
	err := transfer.WalkContainer(ctx, c, "", nil, func(b transfer.Blob) error {
		if b.Size != w.size {
			return fmt.Errorf("blob %s is %d bytes", b.Blob, b.Size)
		}
		results = append(results, workload.Result{Index: int64(len(results)), Name: b.Name, State: workload.TaskSucceeded,
			Outputs: []workload.OutputBlob{{Name: b.Name, Blob: b.Blob, Size: b.Size, MD5: b.MD5}}})
		return nil
	})
	if err != nil {
		return err
	}
	if len(results) != w.files {
		return fmt.Errorf("%d files are in container %s", len(results), name)
	}
	return writeParts(ctx, c, results)
}

// writeParts writes parts as large as those of a run.
func writeParts(ctx context.Context, c *container.Client, results []workload.Result) error {
	parts := transfer.Parts[workload.Result]{Container: c, Prefix: workload.Reserved + "results"}
	chunks := slices.Collect(slices.Chunk(results, 1000))
	for i, chunk := range chunks {
		if err := parts.Write(ctx, i, i == len(chunks)-1, chunk); err != nil {
			return err
		}
	}
	return nil
}

// arrived checks that every file is in the directory, and deletes it.
func arrived(dir string, w work) error {
	count := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Size() != w.size {
			err = fmt.Errorf("file %s is %d bytes", path, info.Size())
		}
		count++
		return err
	})
	if err == nil && count != w.files {
		err = fmt.Errorf("%d files have arrived", count)
	}
	return errors.Join(err, os.RemoveAll(dir))
}
