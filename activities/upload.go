package activities

import (
	"context"
	"errors"
	"path/filepath"
	"sync"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// partsAtOnce is how many parts of a list a transfer works on at the same
// time; the transfer's own limits bound files and memory.
const partsAtOnce = 16

// UploadInput names what to upload, and from where.
type UploadInput struct {
	// Owner makes the input container, where the scan has not. Nil: it has.
	Owner           *Owner `json:"owner,omitempty"`
	Directory       string `json:"directory"`
	InputContainer  string `json:"inputContainer"`
	OutputContainer string `json:"outputContainer"`
	Files           int64  `json:"files"`
	Parts           int    `json:"parts"` // of the list
}

// UploadResult counts what is in the input container.
type UploadResult struct {
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"` // sent by the attempt that finished
}

// Upload sends the files of the list to the input container, many at once, and
// commits each part that is wholly there as a part of the manifest. An attempt
// after a crash skips the parts that are committed and the files that are there
// with the same content.
func (a *Activities) Upload(ctx context.Context, in UploadInput) (UploadResult, error) {
	if in.Owner != nil {
		if err := a.createContainer(ctx, in.InputContainer, *in.Owner); err != nil {
			return UploadResult{}, err
		}
	}
	u := &upload{
		Activities: a, in: in,
		list: a.inputParts(in.OutputContainer, listPrefix), manifest: a.inputParts(in.OutputContainer, manifestPrefix),
		again: activity.GetInfo(ctx).Attempt > 1,
		done:  make([]bool, in.Parts), files: make([]int64, in.Parts), bytes: make([]int64, in.Parts),
		beat: beat{ctx: ctx, progress: workload.Progress{Step: "upload", Total: in.Files}},
	}
	defer u.beat.alive()()
	parts, ctx := errgroup.WithContext(ctx)
	parts.SetLimit(partsAtOnce)
	for n := range in.Parts {
		parts.Go(func() error { return u.part(ctx, n) })
	}
	if err := parts.Wait(); err != nil {
		return UploadResult{}, err
	}
	return UploadResult{Files: u.beat.progress.Files, Bytes: u.beat.progress.Bytes}, nil
}

// upload is one Upload at work.
type upload struct {
	*Activities
	in             UploadInput
	list, manifest transfer.Parts[workload.Input]
	again          bool // an earlier attempt may have left something

	mu    sync.Mutex
	done  []bool  // parts that are committed
	files []int64 // of each of them
	bytes []int64 // of each part, moved so far
	beat  beat
}

// part uploads the files of one part and commits it to the manifest.
func (u *upload) part(ctx context.Context, n int) error {
	if u.again {
		committed, _, err := u.manifest.Read(ctx, n)
		if err == nil {
			u.committed(n, len(committed))
			return nil
		}
		if !errors.Is(err, transfer.ErrNoPart) {
			return fail(err, "read the manifest in container %s", u.in.OutputContainer)
		}
	}
	inputs, last, err := u.list.Read(ctx, n)
	if err != nil {
		return fail(err, "read the list of inputs in container %s", u.in.OutputContainer)
	}
	inputs = toRun(inputs)
	if err := u.send(ctx, n, inputs); err != nil {
		return err
	}
	if err := u.manifest.Write(ctx, n, last, inputs); err != nil {
		return fail(err, "write the manifest to container %s", u.in.OutputContainer)
	}
	u.committed(n, len(inputs))
	return nil
}

// send uploads the files of a part and notes their hashes.
func (u *upload) send(ctx context.Context, n int, inputs []workload.Input) error {
	uploads := make([]transfer.Upload, len(inputs))
	for i, input := range inputs {
		path := filepath.Join(u.in.Directory, filepath.FromSlash(input.Name))
		uploads[i] = transfer.Upload{
			File: transfer.File{Name: input.Name, Path: path, Size: input.Size, ModTime: input.ModTime},
			Blob: input.Blob,
		}
	}
	container := u.Storage.Container(u.in.InputContainer)
	uploaded, err := transfer.NewUploader(u.Transfers).Upload(ctx, container, uploads, func(p transfer.Progress) { u.moved(n, p.Bytes) })
	if errors.Is(err, transfer.ErrChanged) {
		return refuse(InputChanged, "%v; start the run again when nothing writes to it", err)
	}
	if err != nil {
		return fail(err, "upload to container %s", u.in.InputContainer)
	}
	for i := range inputs {
		inputs[i].MD5 = uploaded[i].MD5
	}
	return nil
}

func (u *upload) moved(n int, bytes int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	moved := bytes - u.bytes[n]
	u.bytes[n] = bytes
	u.Metrics.moves(u.beat.ctx, sent, moved)
	u.beat.update(func(p *workload.Progress) { p.Bytes += moved })
}

// committed counts the files of the leading parts that are all committed, so
// that Progress.Files counts files in the order of the list.
func (u *upload) committed(n, files int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.done[n], u.files[n] = true, int64(files)
	u.beat.update(func(p *workload.Progress) {
		for p.Part < len(u.files) && u.done[p.Part] {
			p.Files += u.files[p.Part]
			p.Part++
		}
	})
}
