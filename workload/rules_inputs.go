package workload

import (
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

func (c *check) checkInputs(w *Workload) {
	in := &w.Inputs
	about := []string{"inputs.dir", "inputs.container"}
	switch {
	case c.has("inputs.dir") && c.has("inputs.container"):
		c.rule("inputs.container", "cannot be beside dir; the files are in the one or the other", about...)
	case !c.has("inputs.dir") && !c.has("inputs.container") && !c.has("inputs.manifest"):
		c.rule("inputs", "needs dir, a directory, or container, a container in the storage account", about...)
	}
	c.checkManifest(in)
	if c.has("inputs.prefix") && !c.has("inputs.container") {
		c.rule("inputs.prefix", "is for container only; with dir, use match", "inputs.prefix", "inputs.container")
	}
	for i, pattern := range in.Match {
		c.checkMatch(item("inputs.match", i), pattern)
	}
	c.checkDir("inputs.dir", in.Dir)
	c.checkDir("outputs.dir", w.Outputs.Dir)
	if in.Dir != "" && w.Outputs.Dir != "" && filepath.Clean(in.Dir) == filepath.Clean(w.Outputs.Dir) {
		c.rule("outputs.dir", "must not be inputs.dir: an output could take the place of an input", "outputs.dir", "inputs.dir")
	}
}

func (c *check) checkMatch(field, pattern string) {
	switch {
	case pattern == "":
		c.rule(field, "must not be empty")
	case !doublestar.ValidatePattern(pattern):
		c.rule(field, `is not a glob pattern; write one such as "*.mp4", "**/*.{mp4,mov}" or "clip-[0-9].mp4"`)
	case strings.HasPrefix(pattern, "/") || hasDotDot(pattern) || strings.HasPrefix(pattern, "./"):
		c.rule(field, "would match nothing: patterns are held against paths below the directory, without ./ or .. or a leading slash")
	}
}

func (c *check) checkDir(field, dir string) {
	switch {
	case strings.ContainsFunc(dir, isControl):
		c.rule(field, "must not hold control characters")
	case dir == "~" || strings.HasPrefix(dir, "~/"):
		c.rule(field, "~ is not your home directory here; write the path")
	case strings.HasPrefix(dir, "$"):
		c.rule(field, "variables are not replaced here; write the path")
	}
}

func hasDotDot(slashPath string) bool {
	for s := range strings.SplitSeq(slashPath, "/") {
		if s == ".." {
			return true
		}
	}
	return false
}

func isControl(r rune) bool { return r < 0x20 || r >= 0x7F && r <= 0x9F }
