package faults

// Report says what a plan has done so far.
type Report struct {
	// Plan has the seed that is used.
	Plan  Plan         `json:"plan"`
	Rules []RuleReport `json:"rules"`
}

// RuleReport says what a rule has done so far.
type RuleReport struct {
	Section string `json:"section"`
	Name    string `json:"name"`
	Matched int    `json:"matched"` // events that the rule is about
	Fired   int    `json:"fired"`   // those of them that it has decided
}

// Fired is how often the rules of a name have fired.
func (r Report) Fired(name string) int {
	sum := 0
	for _, rule := range r.Rules {
		if rule.Name == name {
			sum += rule.Fired
		}
	}
	return sum
}

// Report says what has happened so far; for a nil injector, nothing.
func (in *Injector) Report() Report {
	report := Report{Rules: []RuleReport{}}
	if in == nil {
		return report
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	report.Plan = in.plan
	for _, c := range in.counters() {
		report.Rules = append(report.Rules, RuleReport{Section: c.section, Name: c.Name, Matched: c.matched, Fired: c.fired})
	}
	return report
}
