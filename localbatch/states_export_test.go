package localbatch

// What follows puts a resource into a state that it would leave by itself in a
// moment, for tests of the answers that it has in that state.

func (s *Service) SetPoolState(id, state, allocation string) error {
	return s.change(func(c *change) error {
		p, err := findPool(c.Tx, id)
		if err != nil {
			return err
		}
		p.State, p.AllocationState = state, allocation
		return c.savePool(p)
	})
}

func (s *Service) SetJobState(id, state string) error {
	return s.change(func(c *change) error {
		j, err := findJob(c.Tx, id)
		if err != nil {
			return err
		}
		j.State = state
		return c.saveJob(j)
	})
}

func (s *Service) SetNodeState(poolID, id, state string) error {
	return s.change(func(c *change) error {
		_, n, err := findNode(c.Tx, poolID, id)
		if err != nil {
			return err
		}
		n.State = state
		return c.saveNode(n)
	})
}

func (s *Service) SetScheduleState(id, state string) error {
	return s.change(func(c *change) error {
		schedule, err := findSchedule(c.Tx, id)
		if err != nil {
			return err
		}
		schedule.State = state
		return c.saveSchedule(schedule)
	})
}
