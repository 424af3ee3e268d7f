package workload

import (
	"fmt"
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
	command, err := parseTemplate(t.Command, commandPlaceholders)
	if err != nil {
		c.rule(field, err.Error())
		return
	}
	c.checkNoSecret(field, t.Command)
	for _, message := range checkCommand(command) {
		c.rule(field, message)
	}
	file := slices.ContainsFunc(t.Outputs, func(o Output) bool { return o.File != "" })
	if command.uses("output") && t.Output == "" && !file {
		c.rule(field, "{{output}} stands for the first output with file; there is none", field, "task.output", "task.outputs")
	}
}

// checkPlain judges text that is the same for every file.
func (c *check) checkPlain(field, text string) {
	for _, name := range commandPlaceholders {
		for _, form := range []string{"{{" + name + "}}", "{{ " + name + " }}"} {
			if strings.Contains(text, form) {
				c.rule(field, form+" has no meaning here; placeholders are for task.command and the names of outputs")
			}
		}
	}
	c.checkNoSecret(field, text)
}
