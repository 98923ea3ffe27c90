from pathlib import Path


class ConfigManager:
    def __init__(self):
        self.storage_path = Path(__file__).resolve().parent.parent / "bagagem"
        self.storage_path.mkdir(exist_ok=True)
        self.system_data = {}

    def get_system_data(self, key, default=None):
        return self.system_data.get(key, default)
