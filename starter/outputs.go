package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/spf13/cobra"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// fetched is what outputs answers.
type fetched struct {
	Container string `json:"container"`
	Directory string `json:"directory"`
	Outputs   int64  `json:"outputs"` // that the results name; all are in the directory
	Present   int64  `json:"present"` // of these, there already
	Bytes     int64  `json:"bytes"`   // fetched now
}

func (s *starter) outputsCommand() *cobra.Command {
	var to, name, bandwidth string
	cmd := &cobra.Command{
		Use:   "outputs [ID] --to DIR",
		Short: "Fetch the outputs of a run",
		Long: `Outputs fetches to DIR every output that the results of the run ID name. What is
there already with the same content is not fetched again, so it may be stopped
and started again; what has arrived of a file of 64 MiB or more is kept. It works once the run has gathered its results, whatever
became of the run.

It needs the storage account in the environment: AZURE_STORAGE_CONNECTION_STRING,
or AZURE_STORAGE_BLOB_ENDPOINT with Entra ID. DURABATCH_TRANSFER_FILES (at once,
default 32), DURABATCH_TRANSFER_MEMORY (default 64MiB) and
DURABATCH_TRANSFER_BANDWIDTH (a second, default no limit) bound it.

Where Temporal does not know the
run any more, name its output container with --container instead of ID.`,
		Example: `  starter outputs mp4-to-mp3-20261123-104500-1f2e --to OutputFiles
  starter outputs --container mp4-to-mp3-20261123-104500-1f2e-0a1b2c3d-out --to OutputFiles`,
		Args: func(cmd *cobra.Command, args []string) error {
			if name != "" {
				return nothing(cmd, args)
			}
			return needs("ID")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" {
				return usagef("outputs needs --to DIR, the directory that the outputs go to")
			}
			ctx := cmd.Context()
			limits, err := s.transferLimits(bandwidth)
			if err != nil {
				return err
			}
			if name == "" {
				if name, err = s.outputContainer(ctx, args[0]); err != nil {
					return err
				}
			}
			return s.outputs(ctx, name, to, limits)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "directory that the outputs go to; made where it is missing")
	cmd.Flags().StringVar(&bandwidth, "bandwidth", "", "bytes a second at most, such as 20MB (default DURABATCH_TRANSFER_BANDWIDTH, or no limit)")
	cmd.Flags().StringVar(&name, "container", "", "the output container, for a run that Temporal does not know any more")
	return cmd
}

// transferLimits are those of the environment, with the flag's bandwidth.
func (s *starter) transferLimits(bandwidth string) (transfer.Limits, error) {
	limits, err := transfer.LimitsFromEnv(s.environ.Get)
	if err == nil && bandwidth != "" {
		limits.Bandwidth, err = transfer.ParseBandwidth("--bandwidth", bandwidth)
	}
	if err != nil {
		return limits, usagef("%w", err)
	}
	return limits, nil
}

// outputContainer tells it from the ids of the run: it needs no worker.
func (s *starter) outputContainer(ctx context.Context, id string) (string, error) {
	t, err := s.connect(ctx)
	if err != nil {
		return "", err
	}
	defer t.Close()
	seen, err := t.describe(ctx, id, "")
	if err != nil {
		return "", fmt.Errorf("%w. For a run that is older than what Temporal keeps: --container NAME", t.explain(err, id, "look at"))
	}
	return workload.ResourceName(id, seen.firstRunID) + "-out", nil
}

func (s *starter) outputs(ctx context.Context, name, to string, limits transfer.Limits) error {
	config, err := azure.StorageConfigFromEnv(s.environ.Get)
	if err != nil {
		return usagef("the storage account is not set up: %w", err)
	}
	storage, err := azure.NewStorage(config)
	if err != nil {
		return usagef("the storage account cannot be used: %w", err)
	}
	directory, err := filepath.Abs(to)
	if err != nil {
		return failedf("where %s is cannot be told: %w", nameOf(to), err)
	}
	answer := fetched{Container: name, Directory: directory}
	err = s.fetch(ctx, storage, limits, &answer)
	if ctx.Err() != nil {
		fmt.Fprintln(s.stderr, "Stopped; the same command goes on where it stood.")
		return exitWith(exitInterrupted)
	}
	if err != nil {
		return explainFetch(err, name)
	}
	if s.json {
		return s.answer(answer)
	}
	fmt.Fprintf(s.stdout, "%s in %s: %d fetched (%s), %d there already.\n",
		countOf(answer.Outputs, "output"), nameOf(directory), answer.Outputs-answer.Present, sizeOf(answer.Bytes), answer.Present)
	return nil
}

// fetch fetches the outputs of the results, which it reads as they are wanted.
// It makes the directory when there are results.
func (s *starter) fetch(ctx context.Context, storage *azure.Storage, limits transfer.Limits, answer *fetched) error {
	from := storage.Container(answer.Container)
	results := transfer.Parts[workload.Result]{Container: from, Prefix: workload.Reserved + "results"}
	if _, _, err := results.Read(ctx, 0); err != nil {
		return err
	}
	downloader, err := transfer.OpenDownloader(answer.Directory, transfer.NewBudget(limits))
	if err != nil {
		return err
	}
	defer func() { _ = downloader.Close() }()
	screen := newScreen(s.stderr, isTerminal(s.stderr))
	defer screen.withdraw()
	started := time.Now()
	screen.at = started // what takes no time needs no progress
	err = downloader.Download(ctx, from, downloadsOf(storage, results.All(ctx)), func(p transfer.Progress) {
		answer.Outputs, answer.Present, answer.Bytes = p.Files, p.Skipped, p.Bytes
		screen.progress(fetchProgress(p, time.Since(started)), time.Since(started))
	})
	if err != nil {
		return err
	}
	return fetchReport(ctx, from, downloader)
}

// fetchReport fetches the report for people, if the run has left one.
func fetchReport(ctx context.Context, from *container.Client, to *transfer.Downloader) error {
	report := func(yield func(transfer.Download, error) bool) {
		err := transfer.WalkContainer(ctx, from, workload.ReportBlob, nil, func(blob transfer.Blob) error {
			yield(transfer.Download{Blob: blob.Blob, Name: workload.ReportFile, Size: blob.Size, MD5: blob.MD5}, nil)
			return nil
		})
		if err != nil {
			yield(transfer.Download{}, err)
		}
	}
	return to.Download(ctx, from, report, nil)
}

// fetchProgress is a line such as "1,200 outputs, 300 MB, 40 MB/s".
func fetchProgress(p transfer.Progress, passed time.Duration) string {
	line := fmt.Sprintf("%s, %s", countOf(p.Files, "output"), sizeOf(p.Bytes))
	if passed >= time.Second {
		line += ", " + sizeOf(int64(float64(p.Bytes)/passed.Seconds())) + "/s"
	}
	return line
}

// downloadsOf are the outputs of results, each in the container of the run that
// made it.
func downloadsOf(storage *azure.Storage, results iter.Seq2[workload.Result, error]) iter.Seq2[transfer.Download, error] {
	return func(yield func(transfer.Download, error) bool) {
		for result, err := range results {
			if err != nil {
				yield(transfer.Download{}, err)
				return
			}
			var from *container.Client
			if result.Earlier != nil {
				from = storage.Container(result.Earlier.Container)
			}
			for _, output := range result.Outputs {
				if !yield(transfer.Download{Blob: output.Blob, Name: output.Name, Size: output.Size, MD5: output.MD5, From: from}, nil) {
					return
				}
			}
		}
	}
}

func explainFetch(err error, name string) error {
	switch e := azure.Explain(err); {
	case errors.Is(err, transfer.ErrNoPart):
		return failedf("container %s holds no results yet, or not all: the run has not gathered them, or it ended before it could. See: starter status ID", nameOf(name))
	case bloberror.HasCode(err, bloberror.ContainerNotFound, bloberror.ContainerBeingDeleted):
		return failedf("there is no container %s in the storage account: the run created none, somebody deleted it, or the environment names another account", nameOf(name))
	case e.Code == azure.CodeNetwork || e.Code == azure.CodeTimeout || e.Code == azure.CodeCertificate || e.Code == azure.CodeCredential:
		return unreachablef("the storage account could not be reached: %s", e)
	default:
		return failedf("the outputs could not be fetched from container %s: %s. The same command goes on where it stood", nameOf(name), e)
	}
}
