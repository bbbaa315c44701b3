from enum import StrEnum


class ListChatsSort(StrEnum):
    ACTIVITY = "activity"
    CREATED = "created"

    def __str__(self) -> str:
        return str(self.value)
