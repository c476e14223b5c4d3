"""One training on several processes of one machine: every process takes other batches, and after each step all hold the
mean of the gradients. Two processes of one thread are faster than one of two. Without --processes nothing changes."""
import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


class Team:
    def __init__(self, rank=0, size=1):
        self.rank, self.size, self.first = rank, size, rank == 0

    def agree(self, parameters, rate, done):
        """Gradients become their mean; the learning rate too, since clocks differ. -> rate, whether any is done."""
        if self.size == 1:
            return rate, done
        given = [p for p in parameters if p.requires_grad]
        flat = torch.cat([torch.zeros(p.numel()) if p.grad is None else p.grad.flatten() for p in given]
                         + [torch.tensor([rate, float(done)])])
        dist.all_reduce(flat)
        flat /= self.size
        at = 0
        for p in given:
            p.grad = flat[at:at + p.numel()].view_as(p).clone()
            at += p.numel()
        return float(flat[-2]), bool(flat[-1] > 0)


def _one(rank, size, place, work, args):
    dist.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=size)
    work(args, Team(rank, size))
    dist.destroy_process_group()


def run(work, args):
    """Calls work(args, team) in args.processes processes."""
    if args.processes == 1:
        return work(args, Team())
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(_one, (args.processes, os.path.join(folder, "meet"), work, args), args.processes)
