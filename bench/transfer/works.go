package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// work is one shape of files.
type work struct {
	name, what          string
	files               int
	size                int64
	upload, download    float64 // goals: at most so much of the peer's time
	sample, sampleFiles int64   // of trials that find the peer's best options: size and number of files
	options             []options
}

// options are what the peer is told.
type options []string

// transfers are the options for many files: the peer's default is 4.
var transfers = []options{{"--transfers", "4"}, {"--transfers", "8"}, {"--transfers", "16"}, {"--transfers", "32"}, {"--transfers", "64"}}

// streams are those for one large file, for which --transfers is of no
// use. The defaults are 4 streams down and 16 blocks up, of 4 MiB.
var streams = []options{
	{},
	{"--azureblob-upload-concurrency", "4", "--multi-thread-streams", "2"},
	{"--azureblob-upload-concurrency", "8", "--multi-thread-streams", "8"},
	{"--azureblob-chunk-size", "16Mi", "--multi-thread-streams", "16"},
}

func (b *bench) works() []work {
	small := work{name: "small", files: 1000, size: 64 << 10, upload: 0.7, download: 0.8, sample: 64 << 10, sampleFiles: 200, options: transfers}
	medium := work{name: "medium", files: 40, size: 2_700_000, upload: 0.7, download: 0.8, sample: 2_700_000, sampleFiles: 20, options: transfers}
	large := work{name: "large", files: 1, size: 512 << 20, upload: 0.9, download: 0.8, sample: 256 << 20, sampleFiles: 1, options: streams}
	if b.full {
		small.files, small.sampleFiles = 10_000, 1000
		medium.files, medium.sampleFiles = 100, 50
		large.size, large.sample = 4<<30, 1<<30
	}
	works := []work{small, medium, large}
	for i := range works {
		works[i].what = fmt.Sprintf("%d of %s", works[i].files, size(works[i].size))
	}
	return works
}

func size(bytes int64) string {
	switch {
	case bytes%(1<<30) == 0:
		return fmt.Sprintf("%d GiB", bytes>>30)
	case bytes%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", bytes>>20)
	case bytes%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", bytes>>10)
	default:
		return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
	}
}

// chosen are the works of these names; without any, all.
func (b *bench) chosen(names []string) ([]work, error) {
	all := b.works()
	if len(names) == 0 {
		return all, nil
	}
	var chosen []work
	for _, name := range names {
		found := false
		for _, w := range all {
			if w.name == name {
				chosen, found = append(chosen, w), true
			}
		}
		if !found {
			return nil, fmt.Errorf("there is nothing called %q to measure", name)
		}
	}
	return chosen, nil
}

// files writes n files of random content, each its own.
func files(dir string, n int, size int64, seed uint64) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	content := rand.NewChaCha8([32]byte{byte(seed)})
	for i := range n {
		if err := write(filepath.Join(dir, fmt.Sprintf("%06d.bin", i)), size, content); err != nil {
			return err
		}
	}
	return nil
}

func write(path string, size int64, content io.Reader) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	buffered := bufio.NewWriterSize(file, 1<<20)
	if _, err := io.CopyN(buffered, content, size); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	return file.Close()
}
