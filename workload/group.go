package workload

import (
	"fmt"
	"path"
	"strings"
)

// GroupSize is how many files share one task, at most; 1 where each has its
// own.
func (t Task) GroupSize() int { return int(max(t.Files, 1)) }

// PartSize is how many files share one part of the list, the manifest and the
// results: few enough that tasks begin before the last file is uploaded, many
// enough that parts do not cost more than files. A group of files that share a
// task is never cut by a part's end.
func (t Task) PartSize(files int64) int64 {
	size, whole := min(max(files/16, 1), 1000), int64(t.GroupSize())
	return (size + whole - 1) / whole * whole
}

// Together says whether one command takes all the files of a group.
func (t Task) Together() bool { return t.GroupSize() > 1 && t.Each == EachGroup }

// commandPlaceholders are those that the task's command may hold.
func (t Task) commandPlaceholders() []string {
	if t.Together() {
		return groupPlaceholders
	}
	return commandPlaceholders
}

// ExpandGroup fills the templates of a task that is Together for the inputs of
// one group: the command, and the outputs of each input in its place.
func (t Task) ExpandGroup(inputs []Input) (command string, outputs [][]ExpandedOutput, err error) {
	e, err := newExpander(t)
	if err != nil {
		return "", nil, err
	}
	var all []ExpandedOutput
	in, out := make([]string, len(inputs)), make([]string, len(inputs))
	dirs := map[string]bool{}
	for i, input := range inputs {
		x, err := e.expand(input)
		if err != nil {
			return "", nil, err
		}
		outputs = append(outputs, x.Outputs)
		all = append(all, x.Outputs...)
		in[i], out[i] = shellQuote("./"+input.Name), shellQuote("./"+firstFile(x.Outputs))
		dirs[path.Dir(input.Name)] = true
	}
	values := map[string]string{
		"inputs": strings.Join(in, " "), "outputs": strings.Join(out, " "),
		"index": shellQuote(indexDigits(inputs[0].Index)),
	}
	return makeDirs(all, dirs) + e.command.render(func(p string) string { return values[p] }, literally), outputs, nil
}

func (c *check) checkGroup(t *Task) {
	if t.GroupSize() == 1 {
		if c.has("task.each") {
			c.rule("task.each", "has no meaning without files: how many of them share one task", "task.each", "task.files")
		}
		return
	}
	for i, o := range t.Outputs {
		if o.Pattern != "" {
			c.rule(item("task.outputs", i)+".pattern", fmt.Sprintf(
				"cannot be beside task.files: %d: the files of a group share a working directory, where nothing tells whose output a file is; name it with file",
				t.Files), item("task.outputs", i)+".pattern", "task.files")
		}
	}
}
