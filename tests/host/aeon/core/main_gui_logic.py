import threading


class MainLogic:
    def __init__(self, gui):
        self.gui = gui
        self.module_manager = None
        self.io = None
        self.last_user_text = ""
        self.last_ai_response = ""

    def register_modules(self, module_manager, io_handler):
        self.module_manager = module_manager
        self.io = io_handler
        module_manager.core_context["short_term_memory"] = self

    def process_user_input(self, text):
        self.gui.add_message(text, "VOCÊ")
        self.gui.set_status("PROCESSANDO...")
        threading.Thread(target=self._process_background, args=(text,), daemon=True).start()

    def _process_background(self, text):
        try:
            brain = self.module_manager.core_context.get("brain")
            self.gui.set_online_status(brain.online)  # the window has no such method
            reply = self.module_manager.route_command(text)
            if isinstance(reply, dict):
                reply = str(self.module_manager.executar_ferramenta(reply.get("tool"), reply.get("param")))
            if reply is None:
                reply = brain.pensar(text)
            self.gui.add_message(reply, "AEON")
            self.io.falar(reply)
            self.last_user_text, self.last_ai_response = text, reply
        except Exception as error:
            self.gui.add_message(f"Erro: {error}", "ERRO")
        self.gui.set_status("ONLINE")
