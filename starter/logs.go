package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/spf13/cobra"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// taskLog is what logs answers with --json: what a file's task wrote.
type taskLog struct {
	Name   string `json:"name"`
	TaskID string `json:"taskId"`
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
	From   string `json:"from"` // "blob", or "node" while it runs
	// Cut says that only the end of a stream is in it.
	Cut bool `json:"cut,omitempty"`
}

// maxLogJSON is how much of a stream is in an answer of JSON.
const maxLogJSON = 1 << 20

// logFlags are the flags of logs.
type logFlags struct {
	stdout, stderr bool
	container      string
}

func (s *starter) logsCommand() *cobra.Command {
	var f logFlags
	cmd := &cobra.Command{
		Use:   "logs ID [FILE]",
		Short: "Show what a file's task wrote, or what failed",
		Long: `Logs shows the stdout and stderr of the task of one input file. FILE is the
file's name as the run has it, its end after a slash, or the id of its task.
What has ended is read from the output container, and what runs from its node
where that can be reached. With --stdout or --stderr it is that stream alone,
byte for byte where the output is no terminal.

Without FILE it shows the files that failed, each with the end of its stderr.

It needs the storage account in the environment, as outputs does, and for tasks
that run the Batch account.`,
		Example: `  starter logs mp4-to-mp3-20261123-104500-1f2e
  starter logs mp4-to-mp3-20261123-104500-1f2e broken.mp4
  starter logs mp4-to-mp3-20261123-104500-1f2e broken.mp4 --stderr >broken.txt
  starter logs --container mp4-to-mp3-20261123-104500-1f2e-0a1b2c3d-out broken.mp4`,
		Args: func(cmd *cobra.Command, args []string) error {
			least, most, what := 1, 2, "ID and perhaps a FILE"
			if f.container != "" {
				least, most, what = 0, 1, "no ID beside --container, and perhaps a FILE"
			}
			if len(args) < least || len(args) > most {
				return usagef("logs takes %s, and got %d arguments. Usage: %s", what, len(args), cmd.UseLine())
			}
			if f.stdout && f.stderr {
				return usagef("--stdout and --stderr are each one stream alone; without either, logs shows both")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.logs(cmd.Context(), f, args)
		},
	}
	cmd.Flags().BoolVar(&f.stdout, "stdout", false, "its stdout alone")
	cmd.Flags().BoolVar(&f.stderr, "stderr", false, "its stderr alone")
	cmd.Flags().StringVar(&f.container, "container", "", "the output container, for a run that Temporal does not know any more")
	return cmd
}

func (s *starter) logs(ctx context.Context, f logFlags, args []string) error {
	storage, err := s.storage()
	if err != nil {
		return err
	}
	name := f.container
	if name == "" {
		if name, err = s.outputContainer(ctx, args[0]); err != nil {
			return err
		}
		args = args[1:]
	}
	if !strings.HasSuffix(name, outputSuffix) {
		return usagef("--container: %s is no output container of a run; their names end with %s", nameOf(name), outputSuffix)
	}
	from := runLogs{container: storage.Container(name), name: name}
	if len(args) == 0 {
		return s.listFailures(ctx, from)
	}
	of, err := from.find(ctx, args[0])
	if of.Earlier != nil {
		from = runLogs{container: storage.Container(of.Earlier.Container), name: of.Earlier.Container}
	}
	if err == nil {
		err = s.showLogs(ctx, from, of, f)
	}
	return from.explain(ctx, err)
}

// outputSuffix ends the names of output containers; what is before it is the
// name of the run's job.
const outputSuffix = "-out"

// storage is the storage account of the environment.
func (s *starter) storage() (*azure.Storage, error) {
	config, err := azure.StorageConfigFromEnv(s.environ.Get)
	if err != nil {
		return nil, usagef("the storage account is not set up: %w", err)
	}
	storage, err := azure.NewStorage(config)
	if err != nil {
		return nil, usagef("the storage account cannot be used: %w", err)
	}
	return storage, nil
}

// runLogs is where the logs of a run are.
type runLogs struct {
	container *container.Client
	name      string
}

func (r runLogs) job() string { return strings.TrimSuffix(r.name, outputSuffix) }

func (r runLogs) blob(taskID, stream string) string {
	return workload.Reserved + "logs/" + taskID + "/" + stream
}

func (r runLogs) explain(ctx context.Context, err error) error {
	exit := (*exitError)(nil)
	switch {
	case err == nil || errors.As(err, &exit):
		return err
	case ctx.Err() != nil:
		return exitWith(exitInterrupted)
	case bloberror.HasCode(err, bloberror.ContainerNotFound, bloberror.ContainerBeingDeleted):
		return failedf("there is no container %s in the storage account: the run created none, somebody deleted it, or the environment names another account", nameOf(r.name))
	case errors.Is(err, transfer.ErrNoPart):
		return failedf("container %s has no list of the run's files yet. See: starter status ID", nameOf(r.name))
	}
	e := azure.Explain(err)
	if isOutOfReach(e) {
		return unreachablef("the storage account could not be reached: %s", e)
	}
	return failedf("the logs could not be read from container %s: %s", nameOf(r.name), e)
}

func isOutOfReach(e azure.Explanation) bool {
	switch e.Code {
	case azure.CodeNetwork, azure.CodeTimeout, azure.CodeCertificate, azure.CodeCredential:
		return true
	}
	return false
}

// showLogs prints what the task of an input wrote.
func (s *starter) showLogs(ctx context.Context, from runLogs, of workload.Result, f logFlags) error {
	log := taskLog{Name: of.Name, TaskID: of.TaskID, From: "blob"}
	source, err := s.logSource(ctx, from, of, &log)
	if err != nil {
		return err
	}
	if s.json {
		for stream, text := range map[string]*string{"stdout.txt": &log.Stdout, "stderr.txt": &log.Stderr} {
			if *text, err = source.tail(ctx, stream, &log.Cut); err != nil {
				return err
			}
		}
		return s.answer(log)
	}
	switch {
	case f.stdout:
		return s.copyLog(ctx, source, "stdout.txt")
	case f.stderr:
		return s.copyLog(ctx, source, "stderr.txt")
	}
	for _, stream := range []string{"stdout.txt", "stderr.txt"} {
		fmt.Fprintf(s.stdout, "==> %s, %s, %s\n", nameOf(log.Name), log.TaskID, strings.TrimSuffix(stream, ".txt"))
		if err := s.copyLog(ctx, source, stream); err != nil {
			return err
		}
	}
	return nil
}

// copyLog prints a stream: as it is, or on a terminal so that it cannot act on
// it.
func (s *starter) copyLog(ctx context.Context, source logSource, stream string) error {
	body, err := source.open(ctx, stream)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if !isTerminal(s.stdout) {
		_, err = io.Copy(s.stdout, body)
		return err
	}
	reader := bufio.NewReaderSize(body, 64<<10)
	for {
		line, _, err := reader.ReadLine() // a line that is longer than the buffer comes in pieces
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(s.stdout, printableLine(string(line)))
	}
}

// logSource is where a task's streams are.
type logSource interface {
	open(ctx context.Context, stream string) (io.ReadCloser, error)
	tail(ctx context.Context, stream string, cut *bool) (string, error)
}

// logSource finds out whether the task has ended, so that its logs are in
// Blob, or has begun, so that they are on a node.
func (s *starter) logSource(ctx context.Context, from runLogs, of workload.Result, log *taskLog) (logSource, error) {
	inBlob := blobLog{from, log.TaskID, map[string]*workload.Span{"stdout.txt": of.Stdout, "stderr.txt": of.Stderr}}
	_, err := from.container.NewBlobClient(from.blob(log.TaskID, "stderr.txt")).GetProperties(ctx, nil)
	if err == nil {
		return inBlob, nil
	}
	if !bloberror.HasCode(err, bloberror.BlobNotFound) {
		return nil, err
	}
	config, err := azure.BatchConfigFromEnv(s.environ.Get)
	if err != nil {
		return nil, failedf("%s (%s) has no logs in the output container: it has not ended, or Batch could not upload them. To look on its node, set up the Batch account: %w",
			nameOf(log.Name), log.TaskID, err)
	}
	batch, err := azure.NewBatch(config)
	if err != nil {
		return nil, usagef("the Batch account cannot be used: %w", err)
	}
	log.From = "node"
	onNode := nodeLog{batch, from.job(), log.TaskID}
	if _, err := batch.GetTaskFileProperties(ctx, onNode.job, onNode.task, "stderr.txt", nil); err != nil {
		return nil, s.noLog(ctx, onNode, log, err)
	}
	return onNode, nil
}

// noLog says why there is nothing to show.
func (s *starter) noLog(ctx context.Context, n nodeLog, log *taskLog, cause error) error {
	task, err := n.batch.GetTask(ctx, n.job, n.task, &azbatch.GetTaskOptions{SelectParam: []string{"id", "state"}})
	e := azure.Explain(err)
	switch {
	case err == nil && task.State != nil && *task.State == azbatch.TaskStateActive:
		return failedf("%s (%s) has not begun: it waits for a node", nameOf(log.Name), log.TaskID)
	case err == nil:
		return failedf("%s (%s) has no logs: they are not in the output container, and its node does not give them: %s", nameOf(log.Name), log.TaskID, azure.Explain(cause))
	case e.Kind == azure.Gone:
		return failedf("%s (%s) has no logs: it was not submitted, or its job is gone and nothing was uploaded", nameOf(log.Name), log.TaskID)
	case isOutOfReach(e):
		return unreachablef("the Batch account could not be reached: %s", e)
	}
	return failedf("%s (%s) could not be looked at: %s", nameOf(log.Name), log.TaskID, e)
}

// blobLog are the logs of a task that has ended; of a file that shared it,
// where what its own command wrote is.
type blobLog struct {
	runLogs
	task  string
	spans map[string]*workload.Span
}

func (b blobLog) open(ctx context.Context, stream string) (io.ReadCloser, error) {
	var options blob.DownloadStreamOptions
	if span := b.spans[stream]; span != nil {
		if span.To <= span.From {
			return io.NopCloser(strings.NewReader("")), nil
		}
		options.Range = blob.HTTPRange{Offset: span.From, Count: span.To - span.From}
	}
	answer, err := b.container.NewBlobClient(b.blob(b.task, stream)).DownloadStream(ctx, &options)
	if bloberror.HasCode(err, bloberror.BlobNotFound) {
		return io.NopCloser(strings.NewReader("")), nil
	}
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

func (b blobLog) tail(ctx context.Context, stream string, cut *bool) (string, error) {
	if span := b.spans[stream]; span == nil {
		text, err := transfer.Tail(ctx, b.container, b.blob(b.task, stream), maxLogJSON+1)
		if errors.Is(err, transfer.ErrNoBlob) {
			return "", nil
		}
		return shorten(text, cut), err
	}
	body, err := b.open(ctx, stream)
	if err != nil {
		return "", err
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(io.LimitReader(body, maxLogJSON))
	return strings.ToValidUTF8(string(text), ""), err
}

// nodeLog are the logs of a task on its node.
type nodeLog struct {
	batch     *azbatch.Client
	job, task string
}

func (n nodeLog) open(ctx context.Context, stream string) (io.ReadCloser, error) {
	answer, err := n.batch.GetTaskFile(ctx, n.job, n.task, stream, nil)
	return answer.Body, err
}

func (n nodeLog) tail(ctx context.Context, stream string, cut *bool) (string, error) {
	properties, err := n.batch.GetTaskFileProperties(ctx, n.job, n.task, stream, nil)
	if err != nil {
		return "", err
	}
	var options azbatch.GetTaskFileOptions
	if size := properties.ContentLength; size != nil && *size > maxLogJSON+1 {
		options.OCPRange = to.Ptr(fmt.Sprintf("bytes=%d-%d", *size-maxLogJSON-1, *size-1))
	}
	answer, err := n.batch.GetTaskFile(ctx, n.job, n.task, stream, &options)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxLogJSON+1))
	return shorten(strings.ToValidUTF8(string(text), ""), cut), err
}

// shorten keeps the end of a text that is too long for JSON.
func shorten(text string, cut *bool) string {
	if len(text) <= maxLogJSON {
		return text
	}
	*cut = true
	return strings.ToValidUTF8(text[len(text)-maxLogJSON:], "")
}
