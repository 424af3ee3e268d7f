package localbatch

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/durabatch/durabatch/localbatch/faults"
)

// faultsPath is the address of the fault plan. Azure uses none like it.
const faultsPath = "/_localbatch/faults"

// SetFaults puts a fault plan in force, in the place of the one before it; the
// zero Plan has nothing go wrong any more. A service that is started later on the
// same data directory without Options.Faults goes on with it where this one
// stood. An error says what in the plan makes no sense.
func (s *Service) SetFaults(plan faults.Plan) error {
	injector, err := s.injector(plan)
	if err != nil {
		return err
	}
	s.settingFaults.Lock()
	defer s.settingFaults.Unlock()
	return s.keepFaults(injector)
}

// Faults says what the fault plan has done so far.
func (s *Service) Faults() faults.Report { return s.faults.Load().Report() }

// checkOperations refuses a rule that no request could ever match.
func (s *Service) checkOperations(plan faults.Plan) error {
	names := s.operationNames()
	for i, rule := range plan.Requests {
		for _, pattern := range rule.Operations {
			if !slices.ContainsFunc(names, func(name string) bool { return faults.Match(pattern, name) }) {
				return fmt.Errorf("the fault plan cannot be used: requests[%d]: no operation is named %q; there are %s", i, pattern, strings.Join(names, ", "))
			}
		}
	}
	return nil
}

// operationNames are those that a rule can be about.
func (s *Service) operationNames() []string {
	var names []string
	for _, rt := range s.operations() {
		names = append(names, rt.name)
		if rt.head != "" {
			names = append(names, rt.head)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (s *Service) faultRoutes() []route {
	return []route{
		{name: noOperation, pattern: "GET " + faultsPath, handle: s.getFaults, open: true},
		{name: noOperation, pattern: "PUT " + faultsPath, handle: s.putFaults, open: true},
		{name: noOperation, pattern: "DELETE " + faultsPath, handle: s.deleteFaults, open: true},
	}
}

func (s *Service) getFaults(*http.Request) (reply, error) {
	return reply{status: http.StatusOK, meta: "faults/@Element", body: s.Faults()}, nil
}

func (s *Service) putFaults(r *http.Request) (reply, error) {
	text, err := readAll(r)
	if err != nil {
		return reply{}, err
	}
	plan, err := faults.Parse(text)
	if err == nil {
		err = s.SetFaults(plan)
	}
	if err != nil {
		return reply{}, invalidBody("%v", err)
	}
	return s.getFaults(r)
}

func (s *Service) deleteFaults(*http.Request) (reply, error) {
	return reply{status: http.StatusNoContent}, s.SetFaults(faults.Plan{})
}

// faulty answers a request as the fault plan has it, which may be what handle
// answers.
func (s *Service) faulty(x exchange, rt route, handle func() (reply, error)) (reply, error) {
	name := rt.operation(x.r.Method)
	if name == "" || name == noOperation {
		return handle()
	}
	action, fault := s.faults.Load().Request(name)
	if action == nil {
		return handle()
	}
	s.logFault(fault, "operation", name, "action", action.Do, "request-id", x.id)
	answer, err := reply{}, error(nil)
	if action.Do.HasEffect() {
		answer, err = handle()
	} else {
		_, _ = io.CopyN(io.Discard, x.r.Body, maxBody) // clients see one kind of reset only: while they wait for the answer
	}
	s.hold(x.r, time.Duration(action.Delay))
	if action.Do == faults.Delay {
		return answer, err
	}
	if answer.content != nil {
		answer.content.Close()
	}
	return faultReply(action, fault), nil
}

// logFault tells of a fault in words that a rerun can be compared with.
func (s *Service) logFault(f faults.Fault, args ...any) {
	s.log.Info("a fault was injected", append([]any{"rule", f.Rule, "seed", f.Seed, "number", f.Number, "event", f.Event}, args...)...)
}

// hold waits, unless nobody waits for the answer any more.
func (s *Service) hold(r *http.Request, d time.Duration) {
	if d == 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	case <-s.ctx.Done():
	}
}

func faultReply(action *faults.Action, fault faults.Fault) reply {
	e := &apiError{
		status: http.StatusInternalServerError, code: "InternalError",
		message: "Server encountered an internal error. Please try again after some time.",
	}
	switch action.Do {
	case faults.CloseBefore, faults.CloseAfter:
		return reply{hangUp: true}
	case faults.TooManyRequests:
		e = &apiError{status: http.StatusTooManyRequests, code: "TooManyRequests", message: "Too many requests were made. Please try again after some time."}
	case faults.ServerBusy:
		e = &apiError{status: http.StatusServiceUnavailable, code: "ServerBusy", message: "The server is currently unable to receive requests. Please retry your request."}
	}
	answer := reply{status: e.status, failure: e.because("the fault plan's rule %s asks for it", fault.Rule)}
	if e.status != http.StatusInternalServerError {
		answer.headers = retryAfter(action.RetryAfter)
	}
	return answer
}

func retryAfter(given *faults.Duration) http.Header {
	wait := time.Second
	if given != nil {
		wait = time.Duration(*given)
	}
	seconds := (wait + time.Second - 1) / time.Second
	h := http.Header{}
	h.Set("Retry-After", strconv.Itoa(int(seconds)))
	if seconds*time.Second != wait {
		h.Set("x-ms-retry-after-ms", strconv.FormatInt(wait.Milliseconds(), 10))
	}
	return h
}

// hangUp resets the connection of an answer that is not to be sent.
func hangUp(w http.ResponseWriter) error {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2: the server ends the stream
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset is what a client gets from a server that fell over
	}
	return conn.Close()
}
