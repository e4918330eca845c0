from tests.train.fake import build_task

__all__ = ["build_task"]
