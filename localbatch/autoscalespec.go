package localbatch

import (
	"errors"
	"fmt"

	"github.com/durabatch/durabatch/localbatch/formula"
	"github.com/durabatch/durabatch/localbatch/store"
)

// The limits of autoScaleEvaluationInterval (Batch REST reference, "Pool - Add").
const (
	minEvaluationInterval     = duration(5 * 60 * ticksPerSecond)
	defaultEvaluationInterval = duration(15 * 60 * ticksPerSecond)
	maxEvaluationInterval     = week
)

// autoScaleRun is an evaluation of an autoscale formula.
type autoScaleRun struct {
	Timestamp store.Time      `json:"timestamp"`
	Results   string          `json:"results"`
	Error     *autoScaleError `json:"error,omitempty"`
}

type autoScaleError struct {
	Code    string      `json:"code"`
	Message string      `json:"message"`
	Values  []nameValue `json:"values,omitempty"`
}

// autoScaleSchedule is when things of a pool's autoscale happen. It is not shown.
type autoScaleSchedule struct {
	Next    store.Time `json:"next,omitzero"`    // evaluation
	Enabled store.Time `json:"enabled,omitzero"` // when enableautoscale was called last
}

// completeAutoScale checks what the spec of a new pool says about autoscale
// and fills in the service's defaults. It is not for the spec of a pool that
// exists, whose targets the formula has set.
func (p *poolSpec) completeAutoScale() error {
	if !p.EnableAutoScale {
		if p.AutoScaleFormula != "" || p.AutoScaleEvaluationInterval != nil {
			return invalidAutoScale("autoScaleFormula and autoScaleEvaluationInterval are for pools with enableAutoScale")
		}
		return nil
	}
	if p.TargetDedicatedNodes != 0 || p.TargetLowPriorityNodes != 0 {
		return invalidAutoScale("with enableAutoScale the formula sets the number of nodes: leave targetDedicatedNodes and targetLowPriorityNodes out")
	}
	if p.AutoScaleFormula == "" {
		return invalidAutoScale("with enableAutoScale an autoScaleFormula is needed")
	}
	orDefault(&p.AutoScaleEvaluationInterval, defaultEvaluationInterval)
	if err := checkEvaluationInterval(*p.AutoScaleEvaluationInterval); err != nil {
		return err
	}
	_, err := parseFormula(p.AutoScaleFormula)
	return err
}

func invalidAutoScale(reason string) *apiError {
	return badRequest("InvalidAutoScalingSettings", "The specified auto-scaling settings are not valid.").because("%s", reason)
}

func checkEvaluationInterval(interval duration) error {
	return between("autoScaleEvaluationInterval", interval, minEvaluationInterval, maxEvaluationInterval)
}

// parseFormula reads a formula; its error is an answer.
func parseFormula(text string) (*formula.Formula, error) {
	f, err := formula.Parse(text)
	var wrong *formula.Error
	switch {
	case !errors.As(err, &wrong):
		return f, err
	case wrong.Kind == formula.TooLong:
		return nil, badRequest("AutoScalingFormulaTooLong", "The specified auto-scaling formula exceeds lengths limit.").because("%s", wrong.Message)
	}
	return nil, badRequest("AutoScalingFormulaSyntaxError", "The specified auto-scaling formula has a syntax error.").because("%v", wrong)
}

// failedRun is the error of an evaluation, as autoScaleRun has it. Code,
// message and value of a lack of samples are the REST reference's ("Evaluate
// an automatic scaling formula"), the other code is from tests of Microsoft's
// JavaScript SDK.
func failedRun(wrong *formula.Error) *autoScaleError {
	failure := &autoScaleError{
		Code:    "AutoScalingFormulaEvaluationError",
		Message: "The auto-scaling formula could not be evaluated",
		Values:  []nameValue{{"Message", wrong.Error()}},
	}
	if wrong.Kind == formula.InsufficientSamples {
		failure.Code = "InsufficientSampleData"
		failure.Message = "Autoscale evaluation failed due to insufficient sample data"
		if !isSampled(wrong.Variable) {
			failure.Values = append(failure.Values, nameValue{"Reason", fmt.Sprintf("localbatch takes no samples of %s on this machine", wrong.Variable)})
		}
	}
	return failure
}
