package activities

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"golang.org/x/sync/errgroup"

	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// submission is one Submit at work: one producer reads the manifest and makes
// requests of it, and so many at once are sent. What is in memory is one part
// and the requests on their way.
type submission struct {
	*Activities
	in       SubmitInput
	window   *window // nil: tasks may be added at once
	requests *errgroup.Group
	next     request // that is being filled

	beat *beat // says after which part another attempt begins

	mu    sync.Mutex
	parts map[int]*submittedPart
}

// request is one add-collection request.
type request struct {
	tasks []azbatch.CreateTaskContent
	bytes int
	of    map[int]int // tasks by part
}

// submittedPart is a part of the manifest that has been read.
type submittedPart struct {
	files int64
	left  int // tasks that Batch does not have yet
}

// submitAll adds the tasks of every part, from the one on that the attempt
// before this one did not finish, and answers for how many inputs there are
// tasks.
func (a *Activities) submitAll(ctx context.Context, in SubmitInput, window *window, beat *beat) (int64, error) {
	s := &submission{Activities: a, in: in, window: window, beat: beat, parts: map[int]*submittedPart{}}
	if beat.progress.Files >= in.Files {
		return beat.progress.Files, nil // the attempt before added the last task, and no more
	}
	s.requests, ctx = errgroup.WithContext(ctx)
	s.requests.SetLimit(submittersAtOnce)
	err := s.readParts(ctx)
	if failed := s.requests.Wait(); failed != nil {
		err = failed // which ended ctx, and with it the reading
	}
	return beat.progress.Files, err
}

// readParts follows the manifest to its end. What has been read waits for the
// next part once, for a moment: small parts that come fast share requests.
func (s *submission) readParts(ctx context.Context) error {
	prefix := manifestPrefix
	if s.in.FollowList {
		prefix = listPrefix
	}
	manifest := s.inputParts(s.in.OutputContainer, prefix)
	waited := false
	for part, last := s.beat.progress.Part, false; !last; {
		if err := s.window.turn(ctx, &s.in, s.beat.again); err != nil {
			return err
		}
		inputs, end, err := manifest.Read(ctx, part)
		if errors.Is(err, transfer.ErrNoPart) && !s.in.FollowList { // it is not uploaded yet
			if waited {
				s.send(ctx)
			}
			waited = true
			s.beat.again()
			if err := pause(ctx, 250*time.Millisecond); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fail(err, "read the manifest in container %s", s.in.OutputContainer)
		}
		if err := s.addPart(ctx, part, inputs); err != nil {
			return err
		}
		part, last, waited = part+1, end, false
	}
	s.send(ctx)
	return nil
}

// addPart makes tasks of a part's inputs and sends each request that is full.
func (s *submission) addPart(ctx context.Context, part int, inputs []workload.Input) error {
	inputs = toRun(inputs)
	groups, err := s.groupsOf(s.in.Task, s.in.InputContainer, s.in.OutputContainer, inputs)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.parts[part] = &submittedPart{files: int64(len(inputs)), left: len(groups)}
	s.mu.Unlock()
	for from := 0; from < len(groups); from += maxTasksPerRequest {
		bodies, err := s.bodies(ctx, groups[from:min(from+maxTasksPerRequest, len(groups))])
		if err != nil {
			return err
		}
		for _, body := range bodies {
			size := sizeOf(body)
			if len(s.next.tasks) == maxTasksPerRequest || len(s.next.tasks) > 0 && s.next.bytes+size > maxBytesPerRequest {
				s.send(ctx)
			}
			s.next.add(part, body, size)
		}
	}
	s.settle(nil) // a part may be empty
	return nil
}

func (r *request) add(part int, body azbatch.CreateTaskContent, size int) {
	if r.of == nil {
		r.of = map[int]int{}
	}
	r.tasks, r.bytes = append(r.tasks, body), r.bytes+size
	r.of[part]++
}

// bodies makes one task of each group. Those of several inputs have a script
// in Blob, so several are made at once.
func (s *submission) bodies(ctx context.Context, groups [][]workload.Input) ([]azbatch.CreateTaskContent, error) {
	bodies := make([]azbatch.CreateTaskContent, len(groups))
	var err error
	if s.in.Task.GroupSize() == 1 {
		for i, group := range groups {
			if bodies[i], err = s.taskBody(ctx, s.in, group[0]); err != nil {
				return nil, err
			}
		}
		return bodies, nil
	}
	scripts, ctx := errgroup.WithContext(ctx)
	scripts.SetLimit(submittersAtOnce)
	for i, group := range groups {
		scripts.Go(func() (err error) {
			bodies[i], err = s.groupBody(ctx, s.in, group)
			return err
		})
	}
	return bodies, scripts.Wait()
}

// send hands the request over as soon as there is a place among those on
// their way.
func (s *submission) send(ctx context.Context) {
	r := s.next
	s.next = request{}
	if len(r.tasks) == 0 {
		return
	}
	s.requests.Go(func() error {
		if err := s.addTasks(ctx, s.in.Job, r.tasks); err != nil {
			return err
		}
		s.settle(r.of)
		return nil
	})
}

// settle notes which tasks Batch has, and how far all of the parts before are
// done: where another attempt begins.
func (s *submission) settle(added map[int]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for part, tasks := range added {
		s.parts[part].left -= tasks
	}
	s.beat.reached(func(p *workload.Progress) {
		for {
			part, read := s.parts[p.Part]
			if !read || part.left > 0 {
				return
			}
			delete(s.parts, p.Part)
			p.Part++
			p.Files += part.files
		}
	})
}

// sizeOf is what a task takes of a request, about: a request that turns out to
// be too large is halved.
func sizeOf(task azbatch.CreateTaskContent) int {
	const around = 400 // the names of the fields
	size := around + jsonLength(task.CommandLine)
	for _, f := range task.ResourceFiles {
		size += resourceFileJSON + jsonLength(f.HTTPURL) + jsonLength(f.StorageContainerURL) + jsonLength(f.FilePath)
	}
	for _, f := range task.OutputFiles {
		to := f.Destination.Container
		size += outputFileJSON + jsonLength(f.FilePattern) + jsonLength(to.ContainerURL) + jsonLength(to.Path)
	}
	for _, e := range task.EnvironmentSettings {
		size += len(`{"name":"","value":""},`) + jsonLength(e.Name) + jsonLength(e.Value)
	}
	return size
}

// jsonLength is how long a text is at most in JSON as Go writes it.
func jsonLength(text *string) int {
	n := len(value(text))
	for i := range n {
		if c := (*text)[i]; c < ' ' || c == '&' || c == '<' || c == '>' {
			n += len(`\u0026`) - 1
		} else if c == '"' || c == '\\' {
			n++
		}
	}
	return n
}
