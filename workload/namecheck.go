package workload

import (
	"crypto/sha256"
	"fmt"
	"path"
)

// maxKeptNames bounds the bytes of input names that a NameCheck keeps.
const maxKeptNames = 8 << 20

// NameCheck finds inputs that cannot be processed together: two that would
// write the same output, or one that would write into the other's directory of
// outputs. Feed it every input of a run, in any order.
//
// It remembers each output, and each directory that holds outputs, by 128 bits
// of a SHA-256 and the input's number: about 50 bytes each, so 50 MB for a
// million inputs with one output. That two different names have the same hash
// is not to be expected in the lifetime of the universe. Beside that it keeps
// the inputs' names for its messages, up to 8 MiB of them; an input beyond is
// called by its number.
type NameCheck struct {
	expander *expander
	err      error               // of the task's templates; Add answers it
	taken    map[nameHash]uint32 // outputs, and the input that writes them
	above    map[nameHash]uint32 // directories that hold outputs, and the first input that needs them
	names    map[uint32]string
	kept     int
}

type nameHash [16]byte

// NewNameCheck is an empty check for one task.
func NewNameCheck(t Task) *NameCheck {
	e, err := newExpander(t)
	return &NameCheck{
		expander: e,
		err:      err,
		taken:    make(map[nameHash]uint32),
		above:    make(map[nameHash]uint32),
		names:    make(map[uint32]string),
	}
}

// Add checks one more input. Its error names the input, and the other one where
// there are two: what Expand says, or what both would write.
func (c *NameCheck) Add(in Input) error {
	if c.err != nil {
		return c.err
	}
	x, err := c.expander.expand(in)
	if err != nil {
		return err
	}
	input, name := uint32(in.Index), in.Name
	if c.kept < maxKeptNames {
		c.names[input] = name
		c.kept += len(name)
	}
	for _, o := range x.Outputs {
		if err := c.claim(input, name, o.File+o.To); err != nil {
			return err
		}
	}
	return nil
}

// claim takes output for the input. Nobody else may have it, or a directory
// above it, or anything below it; a task may write below its own directory.
func (c *NameCheck) claim(input uint32, name, output string) error {
	hash := hashName(output)
	if other, found := c.taken[hash]; found && other != input {
		return fmt.Errorf("input %q and %s would both write %q; %s", name, c.called(other), output, makeThemDiffer)
	}
	if other, found := c.above[hash]; found && other != input {
		return fmt.Errorf("input %q would write %q, a directory that %s writes into; %s", name, output, c.called(other), makeThemDiffer)
	}
	for dir := path.Dir(output); dir != "."; dir = path.Dir(dir) {
		h := hashName(dir)
		if other, found := c.taken[h]; found && other != input {
			return fmt.Errorf("input %q would write into %q, which is an output of %s; %s", name, dir, c.called(other), makeThemDiffer)
		}
		if _, found := c.above[h]; !found {
			c.above[h] = input
		}
	}
	c.taken[hash] = input
	return nil
}

const makeThemDiffer = "make the names of the task's outputs differ, with {{name}} or {{index}} in them"

func (c *NameCheck) called(input uint32) string {
	if name, found := c.names[input]; found {
		return fmt.Sprintf("input %q", name)
	}
	return fmt.Sprintf("input number %d", input)
}

func hashName(name string) nameHash {
	sum := sha256.Sum256([]byte(name))
	return nameHash(sum[:16])
}
