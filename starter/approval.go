package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"time"

	"github.com/durabatch/durabatch/workflows"
)

// The stages of an approval.
type stage int

const (
	notYet  stage = iota // the run does not wait for it
	asking               // a question is open
	sending              // the answer is on its way; the run cleans up
	over                 // nothing more to do here
)

// approval gets the decision over job and pool from the person at the
// terminal, or from --yes, and sends it to the run. Where there is neither it
// says how to decide from elsewhere.
type approval struct {
	display display
	server  *server
	run     started
	yes     bool

	stage   stage
	until   time.Time       // when the run decides for itself
	open    []string        // what is still to ask about: "job", "pool"
	answers map[string]bool // delete it?
	lines   <-chan string   // of the terminal; nil: nobody is there
	sent    chan cleanup
	answer  *cleanup // that was not told yet
}

// cleanup is the run's answer to a decision.
type cleanup struct {
	result workflows.CleanupResult
	err    error
}

func newApproval(d display, t *server, run started, yes bool) *approval {
	return &approval{display: d, server: t, run: run, yes: yes, answers: map[string]bool{}, sent: make(chan cleanup, 1)}
}

// listen reads the terminal from the start, so that what is typed before a
// question is no answer to it.
func (a *approval) listen(ctx context.Context, in io.Reader) {
	lines := make(chan string)
	a.lines = lines
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(in); scanner.Scan(); {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
}

// follow opens the questions when the run begins to wait for its approval, and
// withdraws them when somebody else was quicker.
func (a *approval) follow(ctx context.Context, status workflows.Status) {
	waits := !status.ApprovalUntil.IsZero()
	switch {
	case waits && a.stage == notYet:
		a.begin(ctx, status)
	case !waits:
		a.withdraw()
	}
}

// withdraw takes an open question away that has no use any more.
func (a *approval) withdraw() {
	if a.stage != asking {
		return
	}
	a.stage = over
	a.display.withdraw()
	a.display.printf("The question has been answered elsewhere, or its time is over.")
}

func (a *approval) begin(ctx context.Context, status workflows.Status) {
	a.until = status.ApprovalUntil
	if status.Step(workflows.StepJob).Name != "" {
		a.open = append(a.open, "job")
	}
	if ownsPool(status.Resources) {
		a.open = append(a.open, "pool")
	}
	switch {
	case a.yes:
		a.send(ctx, workflows.NewApproval(true, true))
	case a.lines != nil:
		a.next(ctx)
	default:
		a.sayHow()
	}
}

// next asks the next question, or sends the answers when there is none.
func (a *approval) next(ctx context.Context) {
	if len(a.open) == 0 {
		a.send(ctx, workflows.NewApproval(a.answers["job"], a.answers["pool"]))
		return
	}
	a.stage = asking
	a.display.ask("Delete " + a.open[0] + "? [Y] yes, [N] no: ")
}

func (a *approval) sayHow() {
	a.stage = over
	id := shellWord(a.run.WorkflowID)
	a.display.printf("The run waits until %s for somebody to decide over its job and pool.", timeOf(a.until))
	a.display.printf("Delete them: starter approve %s. Keep them: starter reject %s.", id, id)
}

// hear takes one line of the terminal. Enter alone is yes, as the tutorial has
// it; ok is false when there will be no more lines.
func (a *approval) hear(ctx context.Context, line string, ok bool) {
	if !ok {
		a.lines = nil
	}
	switch {
	case a.stage != asking:
	case !ok:
		a.display.withdraw()
		a.sayHow()
	default:
		a.display.entered()
		if yes, understood := answerOf(line); understood {
			a.answers[a.open[0]] = yes
			a.open = a.open[1:]
		}
		a.next(ctx)
	}
}

func answerOf(line string) (yes, understood bool) {
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "", "y", "yes":
		return true, true
	case "n", "no":
		return false, true
	}
	return false, false
}

func (a *approval) send(ctx context.Context, decision workflows.Approval) {
	a.stage = sending
	go func() {
		result, err := a.server.approve(ctx, a.run, decision)
		a.sent <- cleanup{result, err}
	}()
}

// tell prints the run's answer, once; after the steps that it sums up.
func (a *approval) tell() {
	if a.answer == nil {
		return
	}
	answer := *a.answer
	a.stage, a.answer = over, nil
	if answer.err != nil {
		a.display.printf("The run did not take the answer: %s", sentenceOf(answer.err.Error(), 500))
		return
	}
	a.display.printf("%s", doneOf(answer.result))
}

// wait gives the answer of a run that has ended meanwhile a moment to arrive.
func (a *approval) wait(ctx context.Context) {
	if a.stage != sending || a.answer != nil {
		return
	}
	select {
	case answer := <-a.sent:
		a.answer = &answer
	case <-time.After(callTimeout):
	case <-ctx.Done():
	}
}

func doneOf(result workflows.CleanupResult) string {
	return "Cleanup done: job " + deletedOrKept(result.JobDeleted) + ", pool " + deletedOrKept(result.PoolDeleted) + "."
}

func deletedOrKept(deleted bool) string {
	if deleted {
		return "deleted"
	}
	return "kept"
}
