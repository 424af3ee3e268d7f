package workload

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// Linux bounds a file's name (NAME_MAX) and one argument of a process
	// (MAX_ARG_STRLEN); the command reaches bash as one argument.
	maxFileName = 255
	maxCommand  = 128<<10 - 1
)

// Expansion is what the task of one input does.
type Expansion struct {
	// Command is for bash; every value in it is quoted. It first makes the
	// directories of declared output files that the input's own is not.
	Command string
	Outputs []ExpandedOutput
}

// ExpandedOutput is one Output for one input: File alone, or Pattern and To.
type ExpandedOutput struct {
	File    string // slash-separated path, in the working directory and below Outputs.Dir
	Pattern string // glob below the working directory
	To      string // directory, slash-separated path below Outputs.Dir
	Always  bool   // also when the task fails
}

// Expand fills the task's templates for the input, by its index, its variables
// and its name, a slash-separated path below Inputs.Dir or Inputs.Prefix, at which the file
// also is in the working directory. Paths in the answer are clean and without
// "./" in front. Its errors name the input: a name that is not UTF-8 or is no
// path, and outputs whose name is empty, absolute, too long, leaves the
// directory or lies below "_durabatch/".
func (t Task) Expand(in Input) (Expansion, error) {
	e, err := newExpander(t)
	if err != nil {
		return Expansion{}, err
	}
	return e.expand(in)
}

// expander is a task with its templates parsed.
type expander struct {
	command  template
	grouped  bool // inputs share a working directory
	together bool // the command is of a group, and no one input's
	outputs  []outputTemplate
	// templates are those with variables in them.
	templates []template
}

type outputTemplate struct {
	Output
	name template // of File or To
}

func newExpander(t Task) (*expander, error) {
	e := &expander{grouped: t.GroupSize() > 1, together: t.Together()}
	var err error
	if e.command, err = parseTemplate(t.Command, t.commandPlaceholders()); err != nil {
		return nil, fmt.Errorf("task.command: %w", err)
	}
	e.addVars(e.command)
	outputs := t.Outputs
	if t.Output != "" {
		outputs = []Output{{File: t.Output}}
	}
	for _, o := range outputs {
		o.applyDefaults()
		text := o.File
		if o.Pattern != "" {
			text = o.To
		}
		name, err := parseTemplate(text, outputPlaceholders)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", shorten(text), err)
		}
		e.outputs = append(e.outputs, outputTemplate{Output: o, name: name})
		e.addVars(name)
	}
	return e, nil
}

func (e *expander) addVars(t template) {
	if t.firstVar() != "" {
		e.templates = append(e.templates, t)
	}
}

func (e *expander) expand(in Input) (Expansion, error) {
	name := in.Name
	if err := checkInputName(name); err != nil {
		return Expansion{}, err
	}
	if e.grouped && isReserved(name) {
		return Expansion{}, fmt.Errorf("input %q: with task.files, what lies below %s in the working directory is the run's own; rename it", name, Reserved)
	}
	values := inputValues(in)
	if missing := e.missing(values); missing != "" {
		return Expansion{}, fmt.Errorf("input %q: it has no variable for {{%s}}", name, missing)
	}
	var x Expansion
	for _, o := range e.outputs {
		p, err := o.place(name, values)
		if err != nil {
			return Expansion{}, fmt.Errorf("input %q: %w", name, err)
		}
		out := ExpandedOutput{Pattern: o.Pattern, Always: o.When == OutputAlways}
		if o.Pattern == "" {
			out.File = p
		} else {
			out.To = p
		}
		if out.File != "" && slices.ContainsFunc(x.Outputs, func(other ExpandedOutput) bool { return other.File == out.File }) {
			return Expansion{}, fmt.Errorf("input %q: two of its outputs are called %q", name, out.File)
		}
		x.Outputs = append(x.Outputs, out)
	}
	if e.together {
		return x, nil
	}
	if e.command.uses("output") {
		file := firstFile(x.Outputs)
		if file == "" {
			return Expansion{}, fmt.Errorf("task.command: {{output}} needs an output with file")
		}
		values["output"] = "./" + file
	}
	x.Command = makeDirs(x.Outputs, map[string]bool{path.Dir(name): true}) +
		e.command.render(func(p string) string { return values[p] }, shellQuote)
	if len(x.Command) > maxCommand {
		return Expansion{}, fmt.Errorf("input %q: its command has %d bytes, at most %d are possible; move the script into a resource file",
			name, len(x.Command), maxCommand)
	}
	return x, nil
}

// place is where the output goes: below the input's own directory, unless the
// template says the directory itself.
func (o outputTemplate) place(input string, values map[string]string) (string, error) {
	rendered := o.name.render(func(p string) string { return values[p] }, literally)
	if err := checkOutputName(rendered); err != nil {
		return "", err
	}
	p := path.Clean(rendered)
	if !o.name.uses("dir") {
		p = path.Join(path.Dir(input), p)
	}
	if isReserved(p) {
		return "", fmt.Errorf("its output %q lies below %s, which is the run's own", p, Reserved)
	}
	return p, nil
}

// missing is a variable that the templates hold and the input does not.
func (e *expander) missing(values map[string]string) string {
	for _, t := range e.templates {
		for _, p := range t {
			if _, found := values[p.placeholder]; !found && isVar(p.placeholder) {
				return p.placeholder
			}
		}
	}
	return ""
}

func inputValues(in Input) map[string]string {
	name := in.Name
	base := path.Base(name)
	stem, ext := splitExt(base)
	values := map[string]string{
		"input": "./" + name,
		"stem":  stem,
		"name":  base,
		"ext":   ext,
		"dir":   path.Dir(name),
		"index": indexDigits(in.Index),
	}
	for v, text := range in.Vars {
		values[varPrefix+v] = text
	}
	return values
}

// splitExt takes ".hidden" for a name without an extension.
func splitExt(base string) (stem, ext string) {
	ext = path.Ext(base)
	if ext == base {
		return base, ""
	}
	return strings.TrimSuffix(base, ext), ext
}

func firstFile(outputs []ExpandedOutput) string {
	for _, o := range outputs {
		if o.File != "" {
			return o.File
		}
	}
	return ""
}

// makeDirs is the line of the command that makes the directories the output
// files need. Those of inputs are there: the inputs are in them.
func makeDirs(outputs []ExpandedOutput, inputDirs map[string]bool) string {
	var b strings.Builder
	seen := maps.Clone(inputDirs)
	seen["."] = true
	for _, o := range outputs {
		dir := path.Dir(o.File)
		if o.File == "" || seen[dir] {
			continue
		}
		seen[dir] = true
		b.WriteString(" " + shellQuote("./"+dir))
	}
	if b.Len() == 0 {
		return ""
	}
	return "mkdir -p" + b.String() + " || exit\n"
}

// checkInputName refuses what cannot be a file below the working directory.
// Names of local files pass, but for the encoding; names of blobs may not.
func checkInputName(name string) error {
	switch {
	case !utf8.ValidString(name):
		return fmt.Errorf("input %q: its name is not UTF-8; rename it", name)
	case name == "" || name != path.Clean(name) || strings.HasPrefix(name, "/") ||
		name == "." || name == ".." || strings.HasPrefix(name, "../") || strings.Contains(name, "\x00"):
		return fmt.Errorf("input %q: its name is not the path of a file below a directory; rename it or leave it out with inputs.match", name)
	}
	if n := longestSegment(name); n > maxFileName {
		return fmt.Errorf("input %q: a file's name has at most %d bytes, this one %d", name, maxFileName, n)
	}
	return nil
}

func checkOutputName(name string) error {
	switch {
	case path.Clean(name) == "." || strings.HasSuffix(name, "/"):
		return fmt.Errorf("its output %q is not the name of a file", name)
	case strings.HasPrefix(name, "/"):
		return fmt.Errorf("its output %q is absolute; outputs are relative", name)
	}
	for s := range strings.SplitSeq(name, "/") {
		if s == ".." {
			return fmt.Errorf("its output %q leaves the directory", name)
		}
	}
	if n := longestSegment(name); n > maxFileName {
		return fmt.Errorf("its output %q is too long: a file's name has at most %d bytes, this one %d", name, maxFileName, n)
	}
	return nil
}

func longestSegment(name string) int {
	longest := 0
	for s := range strings.SplitSeq(name, "/") {
		longest = max(longest, len(s))
	}
	return longest
}

func isReserved(p string) bool {
	return p+"/" == Reserved || strings.HasPrefix(p, Reserved)
}
