package activities

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// FetchInput names what to fetch, and where to.
type FetchInput struct {
	Container string `json:"container"` // the output container
	Directory string `json:"directory"` // on the machine of this worker; made where it is missing
	Files     int64  `json:"files"`
}

// FetchResult counts the outputs that are in the directory.
type FetchResult struct {
	Outputs int64 `json:"outputs"`
	Bytes   int64 `json:"bytes"`
}

// Fetch brings the outputs that the results name to a directory. A file that
// is there already with the same content is left alone.
func (a *Activities) Fetch(ctx context.Context, in FetchInput) (FetchResult, error) {
	downloader, err := transfer.OpenDownloader(in.Directory, a.Limits)
	if err != nil {
		return FetchResult{}, fail(err, "open %s", in.Directory)
	}
	defer func() { _ = downloader.Close() }()
	container := a.Storage.Container(in.Container)
	progress := &beat{ctx: ctx, progress: workload.Progress{Step: "fetch", Total: in.Files}}
	results := transfer.Parts[workload.Result]{Container: container, Prefix: resultsPrefix}
	var fetched FetchResult
	parts, ctx := errgroup.WithContext(ctx)
	go progress.keep(ctx)
	parts.SetLimit(partsAtOnce)
	for part, last := 0, false; !last; part++ {
		var some []workload.Result
		if some, last, err = results.Read(ctx, part); err != nil {
			return FetchResult{}, firstOf(parts.Wait(), fail(err, "read the results in container %s", in.Container))
		}
		downloads := downloadsOf(some)
		for _, d := range downloads {
			fetched.Outputs++
			fetched.Bytes += d.Size
		}
		parts.Go(func() error {
			var moved int64
			err := downloader.Download(ctx, container, downloads, func(p transfer.Progress) {
				a.Metrics.moves(ctx, received, p.Bytes-moved)
				moved = p.Bytes
				progress.update(func(*workload.Progress) {})
			})
			if errors.Is(err, transfer.ErrMismatch) || errors.Is(err, transfer.ErrName) {
				return refuse(OutputChanged, "fetch to %s: %v", in.Directory, err)
			}
			if err != nil {
				return fail(err, "fetch to %s", in.Directory)
			}
			progress.update(func(p *workload.Progress) { p.Files += int64(len(some)) })
			return nil
		})
	}
	return fetched, parts.Wait()
}

func downloadsOf(results []workload.Result) []transfer.Download {
	var downloads []transfer.Download
	for _, result := range results {
		for _, output := range result.Outputs {
			downloads = append(downloads, transfer.Download{Blob: output.Blob, Name: output.Name, Size: output.Size, MD5: output.MD5})
		}
	}
	return downloads
}

// firstOf prefers the error that made the other.
func firstOf(cause, effect error) error {
	if cause != nil {
		return cause
	}
	return effect
}
