package localbatch

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/google/uuid"
)

// autoPool is what a pool is made from that comes and goes with a job or a job
// schedule.
type autoPool struct {
	PoolLifetimeOption string        `json:"poolLifetimeOption"`
	AutoPoolIDPrefix   string        `json:"autoPoolIdPrefix,omitempty"`
	KeepAlive          bool          `json:"keepAlive"`
	Pool               *poolTemplate `json:"pool,omitempty"`
}

// poolTemplate is the spec of a pool that has its id from the service.
type poolTemplate struct {
	poolSpec
	ID unsupported `json:"id,omitzero"`
}

// How long an auto pool lives.
const (
	lifetimeJob      = "job"
	lifetimeSchedule = "jobschedule"
)

// maxPoolPrefix is how long the part of an auto pool's id can be that its user
// chooses (Batch REST reference, "autoPoolIdPrefix").
const maxPoolPrefix = 20

// complete checks the specification and fills in the service's defaults. Only
// a schedule's can outlive a job.
func (a *autoPool) complete(scheduled bool) error {
	if a.PoolLifetimeOption == "" {
		return missingProperty("poolLifetimeOption")
	}
	if err := oneOf("poolLifetimeOption", &a.PoolLifetimeOption, lifetimeJob, lifetimeSchedule); err != nil {
		return err
	}
	if a.PoolLifetimeOption == lifetimeSchedule && !scheduled {
		return invalidProperty("poolLifetimeOption", a.PoolLifetimeOption, "the job belongs to no job schedule")
	}
	if prefix := a.AutoPoolIDPrefix; prefix != "" && (len(prefix) > maxPoolPrefix || checkID(prefix) != nil) {
		return invalidProperty("autoPoolIdPrefix", prefix, "it is at most %d letters, digits, hyphens and underscores", maxPoolPrefix)
	}
	if a.Pool == nil {
		return missingProperty("pool")
	}
	if a.Pool.EnableAutoScale { // its formula is read when the pool is made
		orDefault(&a.Pool.AutoScaleEvaluationInterval, defaultEvaluationInterval)
	}
	return within("pool", a.Pool.completeProperties())
}

// mustHavePasswords is for a specification that has just been given.
func (i *poolInfo) mustHavePasswords() error {
	if i.AutoPoolSpecification == nil {
		return nil
	}
	return within("poolInfo.autoPoolSpecification.pool", i.AutoPoolSpecification.Pool.UserAccounts.mustHavePasswords())
}

// newPool is a pool made from the specification: its id is the prefix and a
// GUID in capitals (recorded traffic of the Python SDK).
func (a *autoPool) newPool() *pool {
	p := &pool{poolSpec: a.Pool.poolSpec}
	p.ID = a.AutoPoolIDPrefix + strings.ToUpper(uuid.NewString())
	return p
}

// givePool has a new job run on the pool that it names, which need not be
// there yet, or on one that is made for it. If none can be made, the job is
// completed before it has begun.
func (c *change) givePool(j *job) error {
	spec := j.PoolInfo.AutoPoolSpecification
	switch {
	case spec == nil:
		j.ExecutionInfo.PoolID = j.PoolInfo.PoolID
		return nil
	case spec.PoolLifetimeOption == lifetimeSchedule:
		return c.givePoolOfSchedule(j)
	}
	return c.givePoolOfJob(j)
}

// givePoolOfJob makes a pool for a new job.
func (c *change) givePoolOfJob(j *job) error {
	p := j.PoolInfo.AutoPoolSpecification.newPool()
	err := p.ApplicationPackageReferences.check()
	if err == nil {
		err = c.addPool(p)
	}
	if err != nil {
		return c.failToSchedule(j, err, "InvalidAutoPoolSettings")
	}
	j.ExecutionInfo.PoolID = p.ID
	return nil
}

// failToSchedule completes a job that cannot be started, for the reason that
// err is an answer of. Without a code of its own that has the code otherwise.
func (c *change) failToSchedule(j *job, err error, otherwise string) error {
	var refused *apiError
	if !errors.As(err, &refused) {
		return err
	}
	info := &failureInfo{Category: "usererror", Code: otherwise, Message: refused.message}
	if code, ok := schedulingErrors[refused.code]; ok {
		info.Code = code
	}
	for _, v := range refused.values {
		info.Details = append(info.Details, nameValue{v.Key, v.Value})
	}
	j.ExecutionInfo.SchedulingError, j.ExecutionInfo.EndTime = info, c.now
	j.moveTo(completed, c.now)
	return nil
}

// schedulingErrors are the codes for an auto pool that cannot be made, by what
// the creation of such a pool answers (Batch REST reference, "Job/Task
// Scheduling Error Codes").
var schedulingErrors = map[string]string{
	"PoolQuotaReached":                    "AutoPoolCreationFailedWithQuotaReached",
	"InvalidAutoScalingSettings":          "InvalidAutoScaleFormulaInAutoPool",
	"AutoScalingFormulaSyntaxError":       "InvalidAutoScaleFormulaInAutoPool",
	"AutoScalingFormulaTooLong":           "InvalidAutoScaleFormulaInAutoPool",
	"InvalidApplicationPackageReferences": "InvalidApplicationPackageReferencesInAutoPool",
	"CertificateNotFound":                 "InvalidCertificatesInAutoPool",
}

// dropPool deletes the pool of a job that ends, if it came with the job and is
// not to be kept.
func (c *change) dropPool(j *job) error {
	spec := j.PoolInfo.AutoPoolSpecification
	if spec == nil || spec.KeepAlive || spec.PoolLifetimeOption != lifetimeJob {
		return nil
	}
	return c.deleteAutoPool(j.ExecutionInfo.PoolID)
}

// deleteAutoPool deletes a pool unless its user has done so before.
func (c *change) deleteAutoPool(id string) error {
	row, ok, err := c.Pool(id)
	if err != nil || !ok {
		return err
	}
	p, err := readPool(row, ok, nil)
	if err != nil || p.State == deleting {
		return err
	}
	c.deletePool(p)
	return c.savePool(p)
}

// same compares specifications that are complete.
func (i *poolInfo) same(other *poolInfo) (bool, error) {
	a, err := json.Marshal(i)
	if err != nil {
		return false, err
	}
	b, err := json.Marshal(other)
	return bytes.Equal(a, b), err
}

// moveToPool has the job's tasks run elsewhere, if another pool is given. Of an
// auto pool only keepAlive can be changed, and only if it is the job's own
// (Batch REST reference, "Job - Patch").
func (j *job) moveToPool(info *poolInfo) error {
	if info == nil {
		return nil
	}
	if err := within("poolInfo", info.complete(j.row.Schedule != 0)); err != nil {
		return err
	}
	if same, err := info.same(j.PoolInfo); same || err != nil {
		return err
	}
	if j.State != disabled {
		return wrongState("the pool of a job can only be changed while the job is disabled")
	}
	now, wanted := j.PoolInfo.AutoPoolSpecification, info.AutoPoolSpecification
	if now == nil && wanted == nil {
		j.PoolInfo, j.ExecutionInfo.PoolID = info, info.PoolID
		return nil
	}
	const property, onlyKeepAlive = "poolInfo", "of an auto pool only keepAlive can be changed, and only if its poolLifetimeOption is job"
	if now == nil || wanted == nil || now.PoolLifetimeOption != lifetimeJob {
		return invalidProperty(property, "", onlyKeepAlive)
	}
	kept := *now
	kept.KeepAlive = wanted.KeepAlive
	same, err := info.same(&poolInfo{AutoPoolSpecification: &kept})
	if err == nil && !same {
		err = invalidProperty(property+".autoPoolSpecification", "", onlyKeepAlive)
	}
	j.PoolInfo = info
	return err
}
