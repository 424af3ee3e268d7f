package activities

import (
	"context"
	"errors"
	"iter"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// FetchInput names what to fetch, and where to.
type FetchInput struct {
	Container string `json:"container"` // the output container
	Directory string `json:"directory"` // on the machine of this worker; made where it is missing
	Files     int64  `json:"files"`
	// Report goes beside the outputs, if there is one. An output of its name wins.
	Report workload.OutputBlob `json:"report,omitzero"`
}

// FetchResult counts the outputs that are in the directory.
type FetchResult struct {
	Outputs int64 `json:"outputs"`
	Bytes   int64 `json:"bytes"`
}

// Fetch brings the outputs that the results name to a directory. A file that
// is there already with the same content is left alone.
func (a *Activities) Fetch(ctx context.Context, in FetchInput) (FetchResult, error) {
	downloader, err := transfer.OpenDownloader(in.Directory, a.Transfers)
	if err != nil {
		return FetchResult{}, fail(err, "open %s", in.Directory)
	}
	defer func() { _ = downloader.Close() }()
	progress := &beat{ctx: ctx, progress: workload.Progress{Step: "fetch", Total: in.Files}}
	defer progress.alive()()
	fetch := fetching{Activities: a, report: in.Report, progress: progress, results: transfer.Parts[workload.Result]{Container: a.Storage.Container(in.Container), Prefix: resultsPrefix}}
	var moved int64
	err = downloader.Download(ctx, fetch.results.Container, fetch.downloads(ctx), func(p transfer.Progress) {
		a.Metrics.moves(ctx, received, p.Bytes-moved)
		moved = p.Bytes
		progress.again()
	})
	switch {
	case fetch.unread != nil:
		return FetchResult{}, fail(fetch.unread, "read the results in container %s", in.Container)
	case errors.Is(err, transfer.ErrMismatch) || errors.Is(err, transfer.ErrName):
		return FetchResult{}, refuse(OutputChanged, "fetch to %s: %v", in.Directory, err)
	case err != nil:
		return FetchResult{}, fail(err, "fetch to %s", in.Directory)
	}
	return fetch.fetched, nil
}

// fetching is one Fetch at work.
type fetching struct {
	*Activities
	report   workload.OutputBlob
	results  transfer.Parts[workload.Result]
	progress *beat
	fetched  FetchResult
	unread   error // why the results could not be read
}

// downloads gives the report and the outputs of every result. The progress counts the results
// whose outputs are fetched or being fetched.
func (f *fetching) downloads(ctx context.Context) iter.Seq2[transfer.Download, error] {
	return func(yield func(transfer.Download, error) bool) {
		if f.report.Blob != "" && !yield(transfer.Download{Blob: f.report.Blob, Name: f.report.Name, Size: f.report.Size, MD5: f.report.MD5}, nil) {
			return
		}
		for result, err := range f.results.All(ctx) {
			if err != nil {
				f.unread = err
				yield(transfer.Download{}, err)
				return
			}
			from := f.holder(result)
			for _, output := range result.Outputs {
				f.fetched.Outputs++
				f.fetched.Bytes += output.Size
				if !yield(transfer.Download{Blob: output.Blob, Name: output.Name, Size: output.Size, MD5: output.MD5, From: from}, nil) {
					return
				}
			}
			f.progress.update(func(p *workload.Progress) { p.Files++ })
		}
	}
}

// holder is the container that the outputs of a result are in, where a run
// before this one made them; nil: the run's own.
func (f *fetching) holder(result workload.Result) *container.Client {
	if result.Earlier == nil {
		return nil
	}
	return f.Storage.Container(result.Earlier.Container)
}
