"""The chains that there are."""

from scapp.jobs.chains.analyse import ANALYSE
from scapp.jobs.chains.chain_plan import Plan
from scapp.jobs.chains.de import GUIDED_STUDY
from scapp.jobs.chains.teach import LIVE_TRAINING

PLANS: dict[str, Plan] = {plan.name: plan for plan in (ANALYSE, GUIDED_STUDY, LIVE_TRAINING)}
"""Name -> plan; a run says by the name which one it is a part of."""
