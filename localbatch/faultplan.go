package localbatch

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/durabatch/durabatch/localbatch/faults"
	"github.com/durabatch/durabatch/localbatch/store"
)

// faultSetting is where the store has the plan that SetFaults has put in force,
// and what its rules have counted.
const faultSetting = "faults"

// startFaults puts the service's own plan in force or, without one, the plan
// that an earlier service had from SetFaults.
func (s *Service) startFaults() error {
	if own := s.opts.Faults; !reflect.DeepEqual(own, faults.Plan{}) {
		injector, err := s.injector(own)
		if err != nil {
			return err
		}
		s.enforce(injector)
		return s.storeFaults()
	}
	kept, err := s.storedFaults()
	if err != nil || kept == nil {
		return err
	}
	injector, err := faults.Resume(*kept)
	if err == nil {
		err = s.checkOperations(kept.Plan)
	}
	if err != nil {
		return fmt.Errorf("the fault plan that was in force: %w; start with another one, or with a new data directory", err)
	}
	return s.keepFaults(injector)
}

// injector is of a plan that this service can carry out; nil: nothing goes wrong.
func (s *Service) injector(plan faults.Plan) (*faults.Injector, error) {
	injector, err := faults.New(plan)
	if err != nil {
		return nil, err
	}
	return injector, s.checkOperations(plan)
}

// keepFaults puts a plan in force that outlasts the service.
func (s *Service) keepFaults(injector *faults.Injector) error {
	s.kept.Store(injector)
	if err := s.storeFaults(); err != nil {
		return err
	}
	if injector != nil {
		var stored atomic.Bool
		injector.OnCount(func() {
			if stored.CompareAndSwap(false, true) { // one store for all that is counted until then
				s.spawn(func() {
					stored.Store(false)
					if err := s.storeFaults(); err != nil && s.ctx.Err() == nil {
						s.log.Error("what the fault plan has done could not be stored", "error", err)
					}
				})
			}
		})
	}
	s.enforce(injector)
	return nil
}

// enforce puts a plan in force.
func (s *Service) enforce(injector *faults.Injector) {
	before := s.faults.Swap(injector)
	s.counts.set(time.Duration(injector.TaskCountLag()))
	switch {
	case injector != nil:
		s.log.Info("a fault plan is in force", "seed", injector.Seed(), "rules", len(injector.Report().Rules))
	case before != nil:
		s.log.Info("the fault plan is no longer in force", "seed", before.Seed())
	}
}

// storeFaults writes down the plan that outlasts the service, or that there is none.
func (s *Service) storeFaults() error {
	return s.store.Update(func(tx *store.Tx) error {
		injector := s.kept.Load()
		if injector == nil {
			return tx.DeleteSetting(faultSetting)
		}
		state, err := json.Marshal(injector.State())
		if err != nil {
			return err
		}
		return tx.PutSetting(faultSetting, state)
	})
}

// storedFaults is what storeFaults has written; nil: there is no plan.
func (s *Service) storedFaults() (*faults.State, error) {
	var state *faults.State
	err := s.store.View(func(tx *store.Tx) error {
		text, ok, err := tx.Setting(faultSetting)
		if err != nil || !ok {
			return err
		}
		return json.Unmarshal(text, &state)
	})
	return state, err
}
