package transfer

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// Survey is a walk that remembers what its user may not expect of it. The zero
// value is ready for one walk, with the same patterns in each.
type Survey struct {
	irregular int64
	first     string // of the irregular ones
	kind      fs.FileMode

	patterns []string
	used     []bool // by pattern
}

// Walk is the function of its name.
func (s *Survey) Walk(ctx context.Context, root string, match []string, yield func(File) error) error {
	if err := s.begin(match); err != nil {
		return err
	}
	return walk(ctx, root, s, yield, nil)
}

// WalkOn is Walk that goes on after a file that cannot be used: problem gets
// the error instead. What yield returns still ends it.
func (s *Survey) WalkOn(ctx context.Context, root string, match []string, yield func(File) error, problem func(error)) error {
	if err := s.begin(match); err != nil {
		return err
	}
	return walk(ctx, root, s, yield, problem)
}

// WalkContainer is the function of its name.
func (s *Survey) WalkContainer(ctx context.Context, c *container.Client, prefix string, match []string, yield func(Blob) error) error {
	if err := s.begin(match); err != nil {
		return err
	}
	return walkContainer(ctx, c, prefix, s, yield)
}

func (s *Survey) begin(match []string) error {
	*s = Survey{patterns: match, used: make([]bool, len(match))}
	return validPatterns(match)
}

// Notes tells what the walk has left out: a line for what matches and is no
// regular file, and one for each pattern that nothing matches. There are none
// where everything was as one expects.
func (s *Survey) Notes() []string {
	var notes []string
	if s.irregular > 0 {
		notes = append(notes, fmt.Sprintf("%d that match are no regular files and were left out; the first is %q, %s", s.irregular, s.first, kindOf(s.kind)))
	}
	for i, pattern := range s.patterns {
		if !s.used[i] {
			notes = append(notes, fmt.Sprintf("nothing matches the pattern %q", pattern))
		}
	}
	return notes
}

// matches holds valid patterns against a name.
func (s *Survey) matches(name string) bool {
	found := len(s.patterns) == 0
	for i, pattern := range s.patterns {
		if found && s.used[i] {
			continue
		}
		if matchesOne(pattern, name) {
			found, s.used[i] = true, true
		}
	}
	return found
}

// leaveOut counts what is no regular file.
func (s *Survey) leaveOut(name string, kind fs.FileMode) {
	if s.irregular == 0 {
		s.first, s.kind = name, kind
	}
	s.irregular++
}

func kindOf(mode fs.FileMode) string {
	kinds := []struct {
		bit  fs.FileMode
		name string
	}{
		{fs.ModeNamedPipe, "a named pipe"}, {fs.ModeSocket, "a socket"}, {fs.ModeDevice, "a device"}, {fs.ModeDir, "a link to a directory"},
	}
	for _, kind := range kinds {
		if mode&kind.bit != 0 {
			return kind.name
		}
	}
	return "of another kind"
}
