package localbatch

import (
	"fmt"

	"github.com/durabatch/durabatch/localbatch/faults"
)

// quotas are the account's: the fault plan's or, where it has none, the
// service's own.
func (s *Service) quotas() faults.Quotas {
	return s.faults.Load().Quotas().Or(s.opts.Quotas)
}

// mayAddJob refuses a job or a job schedule that is one too many, be it new or
// enabled again. Those that are completed do not count (Azure documentation,
// "Batch service quotas and limits"). The jobs that a schedule makes by itself
// are not refused.
func (c *change) mayAddJob() error {
	quota := c.s.quotas().ActiveJobsAndSchedules
	if quota == nil {
		return nil
	}
	have, err := c.CountActive()
	if err != nil || have < *quota {
		return err
	}
	return conflict("ActiveJobAndScheduleQuotaReached", "The specified account has reached the active job and job schedule quota.").
		because("the quota is %d, and %d jobs and job schedules are active; terminate or delete some", *quota, have)
}

// mayAddPool refuses a pool that is one too many.
func (c *change) mayAddPool() error {
	quota := c.s.quotas().Pools
	if quota == nil {
		return nil
	}
	have, err := c.CountPools()
	if err != nil || have < *quota {
		return err
	}
	return conflict("PoolQuotaReached", "The specified account has reached the pool quota.").
		because("the quota is %d, and there are %d pools; delete some", *quota, have)
}

// nodeRoom is how many nodes of a kind a pool can be given, and, should it want
// more, why not.
func (c *change) nodeRoom(p *pool, dedicated bool) (room int, reason string, err error) {
	have, err := c.CountNodes()
	if err != nil {
		return 0, "", err
	}
	room = c.s.opts.MaxNodes - have
	reason = fmt.Sprintf("this service is allowed %d nodes in all pools together", c.s.opts.MaxNodes)
	quota := c.s.quotas().LowPriorityCores
	if dedicated {
		quota = c.s.quotas().DedicatedCores
	}
	if quota == nil {
		return max(0, room), reason, nil
	}
	used, err := c.usedCores(dedicated)
	if err != nil {
		return 0, "", err
	}
	cores := vmCores(p.VMSize)
	if within := max(0, *quota-used) / cores; within < room {
		room = within
		reason = fmt.Sprintf("the quota is %d cores, %d are in use, and a node of size %s has %d", *quota, used+within*cores, p.VMSize, cores)
	}
	return max(0, room), reason, nil
}

// usedCores are the cores of all pools' nodes of a kind.
func (c *change) usedCores(dedicated bool) (int, error) {
	counts, err := c.CountNodesByPool(dedicated)
	if err != nil {
		return 0, err
	}
	cores := 0
	for _, count := range counts {
		p, err := findPoolByKey(c.Tx, count.Pool)
		if err != nil {
			return 0, err
		}
		cores += count.Nodes * vmCores(p.VMSize)
	}
	return cores, nil
}
