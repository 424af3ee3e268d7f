package workload

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// checkRules judges what the schema cannot say: fields that need or exclude one
// another, and texts that have a syntax of their own.
func (c *check) checkRules(w *Workload) {
	c.checkInputs(w)
	c.checkPool(&w.Pool)
	c.checkTask(w)
	c.checkJob(w)
	c.checkCleanup(&w.Cleanup)
}

func (c *check) checkJob(w *Workload) {
	timeout := w.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	if w.Job.Timeout != 0 && w.Job.Timeout < timeout {
		c.rule("job.timeout", fmt.Sprintf("must not be less than timeout, which is %s: Batch would end the job first", timeout),
			"job.timeout", "timeout")
	}
}

func (c *check) checkCleanup(cleanup *Cleanup) {
	if cleanup.When == "" || cleanup.When == CleanupOnApproval {
		return
	}
	for _, field := range []string{"cleanup.deadline", "cleanup.onDeadline"} {
		if c.has(field) {
			c.rule(field, fmt.Sprintf("has no meaning with when: %s, which waits for no approval; leave it out", cleanup.When),
				field, "cleanup.when")
		}
	}
}

func (c *check) checkTask(w *Workload) {
	t := &w.Task
	c.checkOutputs(t)
	c.checkTaskCommand(t)
	c.checkGroup(t)
	c.checkEnvironment("task.environment", t.Environment)
	c.checkResourceFiles("task.resourceFiles", t.ResourceFiles)
	slots := max(w.Pool.TaskSlots, 1)
	if w.Pool.ID == "" && t.Slots > slots {
		c.rule("task.slots", fmt.Sprintf("must not be more than pool.taskSlots, which is %d: no node could run the task", slots),
			"task.slots", "pool.taskSlots", "pool.id")
	}
}

func (c *check) checkTaskCommand(t *Task) {
	const field = "task.command"
	command, err := parseTemplate(t.Command, t.commandPlaceholders())
	if err != nil {
		c.rule(field, err.Error())
		return
	}
	c.checkNoSecret(field, t.Command)
	c.checkVars(field, t.Command)
	c.checkScript(field, command)
	file := slices.ContainsFunc(t.Outputs, func(o Output) bool { return o.File != "" })
	for _, p := range []string{"output", "outputs"} {
		if command.uses(p) && t.Output == "" && !file {
			c.rule(field, "{{"+p+"}} stands for the first output with file; there is none", field, "task.output", "task.outputs")
		}
	}
}

// checkScript judges what bash is to run.
func (c *check) checkScript(field string, command template) {
	for _, p := range command {
		if strings.ContainsAny(p.literal, "\r\x00") {
			c.rule(field, "holds a carriage return or a zero byte, which bash takes for part of a word; remove it")
			return
		}
	}
	for _, message := range checkCommand(command) {
		c.rule(field, message)
	}
}

var aPlaceholder = regexp.MustCompile(`\{\{\s*(` + strings.Join(slices.Concat(groupPlaceholders, commandPlaceholders), "|") + `)\s*\}\}`)

// checkPlain judges text that is the same for every file.
func (c *check) checkPlain(field, text string) {
	if m := aPlaceholder.FindString(text); m != "" {
		c.rule(field, m+" has no meaning here; placeholders are for task.command and the names of outputs")
	}
	c.checkNoSecret(field, text)
}
