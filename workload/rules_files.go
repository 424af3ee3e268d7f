package workload

import (
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

func (c *check) checkOutputs(t *Task) {
	switch about := []string{"task.output", "task.outputs"}; {
	case c.has("task.output") && c.has("task.outputs"):
		c.rule("task.output", "cannot be beside outputs; make it an entry there: - file: ...", about...)
	case !c.has("task.output") && !c.has("task.outputs"):
		c.rule("task.output", "is required: the file that the command leaves, or outputs for several", about...)
	}
	if t.Output != "" {
		c.checkOutputTemplate("task.output", t.Output)
	}
	first := make(map[string]string)
	for i, o := range t.Outputs {
		field := item("task.outputs", i)
		c.checkOutput(field, o)
		key := o.File
		if o.Pattern != "" {
			key = o.Pattern + "\x00" + o.To
		}
		if other, found := first[key]; found && key != "" {
			c.rule(field, "is the same output as "+other+"; name each once")
		}
		first[key] = field
	}
}

func (c *check) checkOutput(field string, o Output) {
	file, pattern, to := field+".file", field+".pattern", field+".to"
	switch {
	case c.has(file) && c.has(pattern):
		c.rule(pattern, "cannot be beside file; an output is one file or, by pattern, several", file, pattern)
	case !c.has(file) && !c.has(pattern):
		c.rule(field, "needs file, the name of one file, or pattern, a glob for several", file, pattern)
	}
	if c.has(to) && !c.has(pattern) {
		c.rule(to, "is for pattern only; a file has its place in its name", to, pattern)
	}
	if o.File != "" {
		c.checkOutputTemplate(file, o.File)
	}
	if o.To != "" {
		c.checkOutputTemplate(to, o.To)
	}
	if o.Pattern != "" {
		c.checkOutputPattern(pattern, o.Pattern)
	}
}

// checkOutputTemplate judges what can be judged before the inputs are known;
// Expand judges the rest.
func (c *check) checkOutputTemplate(field, text string) {
	name, err := parseTemplate(text, outputPlaceholders)
	if err != nil {
		c.rule(field, err.Error())
		return
	}
	c.checkVars(field, text)
	// A plain file name in each placeholder's place: what is wrong then is wrong
	// for every input.
	rendered := name.render(func(string) string { return "x" }, literally)
	switch {
	case strings.ContainsFunc(text, isControl):
		c.rule(field, "must not hold control characters")
	case strings.HasPrefix(rendered, "/"):
		c.rule(field, "must be relative to the working directory, without a leading slash")
	case hasDotDot(rendered):
		c.rule(field, "must not leave the working directory with ..")
	case strings.HasSuffix(rendered, "/") || path.Clean(rendered) == ".":
		c.rule(field, "must end in a file's name")
	case isReserved(path.Clean(rendered)):
		c.rule(field, "must not lie below "+Reserved+", which is the run's own")
	}
}

// checkOutputPattern judges a Batch file pattern. Batch knows *, ?, [abc],
// [!abc] and **, and replaces $NAME before it looks (Batch REST reference,
// OutputFile.filePattern).
func (c *check) checkOutputPattern(field, pattern string) {
	switch {
	case strings.Contains(pattern, "{{"):
		c.rule(field, "takes no placeholders: each task has a working directory of its own")
	case strings.ContainsAny(pattern, "{}$%\\") || strings.ContainsFunc(pattern, isControl):
		c.rule(field, "must be a pattern as Batch knows it: *, ?, [abc], [!abc] and **; no braces, backslashes, $ or %")
	case !doublestar.ValidatePattern(pattern):
		c.rule(field, "is not a glob pattern: a [ is not closed")
	case strings.HasPrefix(pattern, "/") || hasDotDot(pattern):
		c.rule(field, "must stay below the working directory, without .. or a leading slash")
	}
}

func (c *check) checkResourceFiles(field string, files []ResourceFile) {
	paths := make(map[string]string)
	for i, f := range files {
		at := item(field, i)
		c.checkResourceFile(at, f)
		if other, found := paths[f.Path]; found && f.Path != "" && f.Prefix == "" {
			c.rule(at+".path", "is the path of "+other+" too; each file needs its own")
		}
		paths[f.Path] = at
	}
}

func (c *check) checkResourceFile(field string, f ResourceFile) {
	address, container, blob, prefix := field+".url", field+".container", field+".blob", field+".prefix"
	switch {
	case c.has(address) && c.has(container):
		c.rule(container, "cannot be beside url; a resource file comes from the one or the other", address, container)
	case !c.has(address) && !c.has(container):
		c.rule(field, "needs url, an http or https address, or container, a container in the storage account", address, container)
	}
	if c.has(address) && !c.has(field+".path") {
		c.rule(field+".path", "is required with url: the name of the file in the working directory", field+".path", address)
	}
	for _, of := range []string{blob, prefix} {
		if c.has(of) && !c.has(container) {
			c.rule(of, "is for container only", of, container)
		}
	}
	if c.has(blob) && c.has(prefix) {
		c.rule(prefix, "cannot be beside blob; name one blob, or all that begin with a prefix", blob, prefix)
	}
	if f.URL != "" {
		c.checkURL(address, f.URL)
	}
	if f.Path != "" {
		c.checkResourcePath(field+".path", f.Path)
	}
	for _, text := range []struct{ field, value string }{{blob, f.Blob}, {prefix, f.Prefix}, {field + ".path", f.Path}} {
		c.checkPlain(text.field, text.value)
	}
}

func (c *check) checkResourcePath(field, p string) {
	switch {
	case strings.ContainsFunc(p, isControl):
		c.rule(field, "must not hold control characters")
	case strings.HasPrefix(p, "/") || hasDotDot(p):
		c.rule(field, "must stay below the working directory, without .. or a leading slash")
	}
}

// checkURL never repeats the address: it may hold what must not be seen.
func (c *check) checkURL(field, address string) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		c.rule(field, "must be an http or https address, such as https://example.com/tool.tar.gz")
	case u.User != nil:
		c.rule(field, "must not hold a user or a password: the workload is kept in Temporal's history; put the file into a container and name that")
	case holdsSecret(address):
		c.rule(field, noSecrets)
	}
}

var environmentName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (c *check) checkEnvironment(field string, environment map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		variable := join(field, name)
		switch {
		case !environmentName.MatchString(name):
			c.rule(variable, "is not a variable's name: letters, digits and underscores, not beginning with a digit")
		case strings.HasPrefix(strings.ToUpper(name), "AZ_BATCH_"):
			c.rule(variable, "names that begin with AZ_BATCH_ are Batch's own; choose another")
		}
		if strings.Contains(environment[name], "\x00") {
			c.rule(variable, "must not hold a zero byte")
		}
		c.checkPlain(variable, environment[name])
	}
}

// secret finds the signature of a SAS, in whatever text, and account keys.
var secret = regexp.MustCompile(`(?i)(^|[?&;"'\s])(sig=[a-z0-9%+/=_-]{8,}|(account|sharedaccess)key=[a-z0-9+/=]{8,}|sharedaccesssignature=)`)

func holdsSecret(text string) bool { return secret.MatchString(text) }

const noSecrets = "holds a SAS or a key; the workload is kept in Temporal's history, where secrets have no place: " +
	"name the container in resourceFiles, the run signs for it itself"

func (c *check) checkNoSecret(field, text string) {
	if holdsSecret(text) {
		c.rule(field, noSecrets)
	}
}
